//! Where the values of a document stand, in all revisions.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Xml,
    read: paths::xml,
    bases: &[],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[
    Field("operation", "Parameters.@OperationType else Parameters.@PaymentType"),
    Field(
        "total_kopecks",
        "Parameters.@Sum else Positions.FiscalString[*].@AmountWithDiscount else Positions.FiscalString[*].@SumWithDiscount else Positions.FiscalString[*].@Amount",
    ),
    Field(
        "payments[]",
        "Payments.@Cash, Payments.@ElectronicPayment + Payments.@CashLessType1 + Payments.@CashLessType2 + Payments.@CashLessType3, Payments.@PrePayment + Payments.@AdvancePayment, Payments.@PostPayment + Payments.@Credit, Payments.@Barter + Payments.@CashProvision",
    ),
    Field("payments[].amount_kopecks", "."),
    Field("items[]", "Positions.FiscalString[]"),
    Field("items[].name", "@Name"),
    Field("items[].quantity", "@Quantity"),
    Field("items[].unit", "@MeasurementUnit else @MeasureOfQuantity"),
    Field("items[].price_kopecks", "@PriceWithDiscount else @Price"),
    Field("items[].sum_kopecks", "@AmountWithDiscount else @SumWithDiscount else @Amount"),
    Field("items[].discount_kopecks", "@DiscountAmount else @DiscountSum"),
    Field("items[].vat_rate", "@VATRate else @Tax"),
    Field("items[].vat_sum_kopecks", "@VATAmount else @TaxSum"),
    Field("items[].payment_method", "@PaymentMethod else @SignMethodCalculation"),
    Field("items[].payment_subject", "@CalculationSubject else @SignCalculationObject"),
    Field("items[].gtin", "@MarkingCode"),
    Field("items[].marking_code", "@MarkingCode"),
    Field("items[].marking_serial", "@MarkingCode"),
    Field("items[].agent", "@CalculationAgent else @SignSubjectCalculationAgent"),
    Field("items[].supplier_inn", "VendorData.@VendorINN else PurveyorData.@PurveyorVATIN"),
    Field("items[].supplier_name", "VendorData.@VendorName else PurveyorData.@PurveyorName"),
    Field("cashier_name", "Parameters.@CashierName"),
    Field("cashier_inn", "Parameters.@CashierINN else Parameters.@CashierVATIN"),
    Field("taxation", "Parameters.@TaxationSystem else Parameters.@TaxVariant"),
    Field(
        "correction_type",
        "Parameters.CorrectionData.@Type else Parameters.CorrectionData.@CorrectionType else Parameters.@CorrectionType",
    ),
    Field(
        "correction_date",
        "Parameters.CorrectionData.@Date else Parameters.CorrectionData.@CorrectionBaseDate else Parameters.@CorrectionBaseDate",
    ),
    Field(
        "correction_number",
        "Parameters.CorrectionData.@Number else Parameters.CorrectionData.@CorrectionBaseNumber else Parameters.@CorrectionBaseNumber",
    ),
    Field("buyer_contact", "Parameters.@CustomerEmail else Parameters.@CustomerPhone"),
    Field("buyer_name", "Parameters.CustomerDetail.@Info else Parameters.@CustomerInfo"),
    Field("buyer_inn", "Parameters.CustomerDetail.@INN else Parameters.@CustomerINN"),
];
