//! The fields, in all their spellings. Fields that are not listed are ignored: among them storno lines, which cancel items
//! that are not there either.

use std::borrow::Cow;

use serde::Deserialize;

use super::values::{DateTime, ProductCode};
use crate::{
    buyer::Buyer,
    json::{Aside, Integer, Items, List, Object, Text},
    number::Number,
};

/// A fiscal document. Spellings of one field are fields of their own here, because some documents have two at once.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(default)]
    code: Integer,
    #[serde(default)]
    receipt_code: Integer,
    #[serde(default)]
    receipt_correction_code: Integer,
    #[serde(default)]
    bso_code: Integer,
    #[serde(default)]
    bso_correction_code: Integer,
    #[serde(default, borrow)]
    pub fiscal_drive_number: Text<'a>,
    #[serde(default)]
    pub fiscal_document_number: Integer,
    #[serde(default)]
    pub fiscal_sign: Integer,
    #[serde(default, borrow)]
    pub kkt_reg_id: Text<'a>,
    #[serde(default)]
    pub date_time: DateTime,
    #[serde(default)]
    pub shift_number: Integer,
    #[serde(default)]
    pub request_number: Integer,
    #[serde(default)]
    pub operation_type: Integer,
    #[serde(default)]
    pub total_sum: Integer,
    #[serde(default)]
    pub cash_total_sum: Integer,
    #[serde(default)]
    pub ecash_total_sum: Integer,
    #[serde(default)]
    prepaid_sum: Integer,
    #[serde(default)]
    prepayment_sum: Integer,
    #[serde(default)]
    credit_sum: Integer,
    #[serde(default)]
    postpayment_sum: Integer,
    #[serde(default)]
    provision_sum: Integer,
    #[serde(default)]
    counter_submission_sum: Integer,
    #[serde(default)]
    applied_taxation_type: Integer,
    #[serde(default)]
    taxation_type: Integer,
    #[serde(default)]
    nds18: Integer,
    #[serde(default)]
    nds20: Integer,
    #[serde(default)]
    pub nds10: Integer,
    #[serde(default)]
    pub nds0: Integer,
    #[serde(default)]
    pub nds_no: Integer,
    #[serde(default)]
    nds_calculated18: Integer,
    #[serde(default)]
    nds_calculated20: Integer,
    #[serde(default)]
    nds18118: Integer,
    #[serde(default)]
    nds_calculated10: Integer,
    #[serde(default)]
    nds10110: Integer,
    #[serde(default)]
    amounts_receipt_nds: Option<Object<AmountsByRate>>,
    #[serde(default, borrow)]
    pub items: Items<'a, Position<'a>>,
    /// Tag 1173.
    #[serde(default)]
    correction_type: Integer,
    /// Tag 1174.
    #[serde(default, borrow)]
    correction_base: Option<Object<CorrectionBase<'a>>>,
    #[serde(default, borrow)]
    operator: Text<'a>,
    #[serde(default, borrow)]
    operator_inn: Text<'a>,
    #[serde(default)]
    receipts_quantity: Integer,
    #[serde(default)]
    receipt_quantity: Integer,
    #[serde(default)]
    pub documents_quantity: Integer,
    #[serde(default)]
    pub not_transmitted_documents_quantity: Integer,
    #[serde(default, borrow)]
    buyer_phone_or_address: Aside<'a>,
    #[serde(default, borrow)]
    buyer_address: Aside<'a>,
    #[serde(default, borrow)]
    buyer: Aside<'a>,
    #[serde(default, borrow)]
    buyer_inn: Aside<'a>,
    #[serde(default, borrow)]
    buyer_information: Aside<'a>,
}

/// Tag 1256.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuyerInformation<'a> {
    #[serde(default, borrow)]
    buyer: Aside<'a>,
    #[serde(default, borrow)]
    buyer_inn: Aside<'a>,
}

/// Tag 1174.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CorrectionBase<'a> {
    /// Tag 1178.
    #[serde(default)]
    pub correction_document_date: DateTime,
    /// Tag 1179.
    #[serde(default, borrow)]
    pub correction_document_number: Text<'a>,
}

/// Tag 1115: VAT by rate, for the rates that have no tag of their own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AmountsByRate {
    #[serde(default)]
    amounts_nds: List<AmountOfRate>,
}

/// Tag 1119.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AmountOfRate {
    /// Tag 1199.
    #[serde(default)]
    pub nds: Integer,
    /// Tag 1120.
    #[serde(default)]
    pub nds_sum: Integer,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position<'a> {
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default)]
    pub price: Integer,
    #[serde(default, borrow)]
    pub quantity: Number<'a>,
    #[serde(default)]
    pub sum: Integer,
    #[serde(default)]
    nds: Integer,
    #[serde(default)]
    nds_rate: Integer,
    #[serde(default)]
    pub nds_sum: Integer,
    #[serde(default)]
    payment_type: Integer,
    #[serde(default)]
    calculation_type_sign: Integer,
    #[serde(default)]
    product_type: Integer,
    #[serde(default)]
    calculation_subject_sign: Integer,
    #[serde(default, borrow)]
    unit: Text<'a>,
    #[serde(default, borrow)]
    measure: Text<'a>,
    #[serde(default)]
    pub items_quantity_measure: Integer,
    /// Tag 1222.
    #[serde(default)]
    pub payment_agent_by_product_type: Integer,
    /// Tag 1226.
    #[serde(default, borrow)]
    pub provider_inn: Text<'a>,
    #[serde(default, borrow)]
    product_code_new: ProductCode<'a>,
    #[serde(default, borrow)]
    product_code: ProductCode<'a>,
    #[serde(default, borrow)]
    nomenclature_code: ProductCode<'a>,
}

/// The first spelling that tells something.
fn first<const N: usize>(spellings: [Integer; N]) -> Option<i64> {
    spellings.into_iter().find_map(|number| number.0)
}

impl<'a> Document<'a> {
    /// Tag of the whole document.
    pub fn code(&self) -> Option<i64> {
        first([self.code, self.receipt_code, self.receipt_correction_code, self.bso_code, self.bso_correction_code])
    }

    /// Whether it tells what only corrections have.
    pub fn is_correction(&self) -> bool {
        self.correction_type.0.is_some() || self.correction_base.is_some()
    }

    /// Tag 1173.
    pub fn correction_type(&self) -> Option<i64> {
        self.correction_type.0
    }

    /// Tag 1174.
    pub fn take_correction_base(&mut self) -> Option<CorrectionBase<'a>> {
        self.correction_base.take().map(|Object(base)| base)
    }

    /// Tag 1215.
    pub fn prepaid(&self) -> Option<i64> {
        first([self.prepaid_sum, self.prepayment_sum])
    }

    /// Tag 1216.
    pub fn credit(&self) -> Option<i64> {
        first([self.credit_sum, self.postpayment_sum])
    }

    /// Tag 1217.
    pub fn counter_provision(&self) -> Option<i64> {
        first([self.provision_sum, self.counter_submission_sum])
    }

    /// Tag 1055: the one that was applied, where the registered ones (tag 1062) are told as well.
    pub fn taxation(&self) -> Option<i64> {
        first([self.applied_taxation_type, self.taxation_type])
    }

    /// Tag 1102.
    pub fn vat_20(&self) -> Option<i64> {
        first([self.nds20, self.nds18])
    }

    /// Tag 1106.
    pub fn vat_20_120(&self) -> Option<i64> {
        first([self.nds_calculated20, self.nds_calculated18, self.nds18118])
    }

    /// Tag 1107.
    pub fn vat_10_110(&self) -> Option<i64> {
        first([self.nds_calculated10, self.nds10110])
    }

    /// Tags 1119.
    pub fn vat_by_rate(&self) -> impl Iterator<Item = AmountOfRate> {
        self.amounts_receipt_nds.iter().flat_map(|Object(amounts)| amounts.amounts_nds.iter()).copied()
    }

    /// Tag 1118.
    pub fn receipts(&self) -> Option<i64> {
        first([self.receipts_quantity, self.receipt_quantity])
    }

    /// Tags 1008, 1227 and 1228.
    pub fn buyer(&self) -> Buyer<'a> {
        let BuyerInformation { buyer, buyer_inn } = self.buyer_information.object();
        Buyer::of(
            self.buyer_phone_or_address.text().or(self.buyer_address.text()),
            buyer.text().or(self.buyer.text()),
            buyer_inn.text().or(self.buyer_inn.text()),
        )
    }

    /// Tags 1021 and 1203.
    pub fn take_cashier(&mut self) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
        (self.operator.take(), self.operator_inn.take_trimmed())
    }
}

impl<'a> Position<'a> {
    /// Tag 1199.
    pub fn vat_code(&self) -> Option<i64> {
        first([self.nds, self.nds_rate])
    }

    /// Tag 1214.
    pub fn payment_method(&self) -> Option<i64> {
        first([self.payment_type, self.calculation_type_sign])
    }

    /// Tag 1212.
    pub fn payment_subject(&self) -> Option<i64> {
        first([self.product_type, self.calculation_subject_sign])
    }

    /// Tag 1197.
    pub fn take_unit(&mut self) -> Option<Cow<'a, str>> {
        self.unit.take().or_else(|| self.measure.take())
    }

    /// Tag 1163 or 1162.
    pub fn take_code(&mut self) -> ProductCode<'a> {
        let codes = [&mut self.product_code_new, &mut self.product_code, &mut self.nomenclature_code];
        codes.into_iter().map(std::mem::take).find(ProductCode::is_told).unwrap_or_default()
    }
}
