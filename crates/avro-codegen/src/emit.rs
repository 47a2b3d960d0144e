//! Writes Rust source for a parsed schema. The generated code calls the small runtime of the crate
//! that includes it: `crate::avro` (wire reader and writer), `crate::bson` (document writer) and `crate::json` (texts of
//! times and bytes).

use std::fmt::Write;

use crate::{
    SchemaError,
    model::{Enum, Record, Schema, Type},
    older::Older,
};

/// Rust source of all types of the schema. `schema_text` is an expression that yields the schema's
/// JSON text, for example `include_str!("…")`. Messages of the `older` versions, the first one first, are decoded
/// into the same types.
///
/// # Errors
/// When an older version cannot be read as this one.
pub fn generate(schema: &Schema, schema_text: &str, older: &[Schema]) -> Result<String, SchemaError> {
    let mut out = String::new();
    for definition in &schema.enums {
        emit_enum(&mut out, definition);
    }
    for record in &schema.records {
        emit_struct(&mut out, schema, record);
        emit_codec(&mut out, schema, record);
        emit_bson(&mut out, schema, record);
        emit_owned(&mut out, schema, record);
    }
    let older = older.iter().enumerate().map(|(index, writer)| Older::new(index + 1, writer, schema));
    let older = older.collect::<Result<Vec<_>, _>>()?;
    for version in &older {
        version.emit(&mut out)?;
    }
    emit_message(&mut out, schema, schema_text, &older);
    Ok(out)
}

/// `writeln!` into a `String` cannot fail; this keeps the emitter free of result plumbing.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => {
        if writeln!($out, $($arg)*).is_err() { unreachable!("writing to a String cannot fail") }
    };
}
pub(crate) use line;

fn doc_comment(out: &mut String, indent: &str, doc: Option<&str>, fallback: &str) {
    line!(out, "{indent}/// {}", doc.unwrap_or(fallback));
}

fn emit_enum(out: &mut String, definition: &Enum) {
    let name = &definition.name;
    doc_comment(out, "", definition.doc.as_deref(), &format!("`{name}` of the schema."));
    line!(out, "#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]");
    line!(out, "pub enum {name} {{");
    for symbol in &definition.symbols {
        if *symbol == definition.default {
            line!(out, "    #[default]");
        }
        line!(out, "    /// `{symbol}`");
        line!(out, "    #[serde(rename = \"{symbol}\")]");
        line!(out, "    {},", variant(symbol));
    }
    line!(out, "}}\n\nimpl {name} {{");
    line!(out, "    /// All symbols, in the order of the schema.");
    line!(out, "    pub const ALL: &'static [Self] = &[");
    for symbol in &definition.symbols {
        line!(out, "        Self::{},", variant(symbol));
    }
    line!(out, "    ];\n");
    line!(out, "    /// The symbol as the schema spells it.");
    line!(out, "    #[must_use]\n    pub const fn symbol(self) -> &'static str {{\n        match self {{");
    for symbol in &definition.symbols {
        line!(out, "            Self::{} => \"{symbol}\",", variant(symbol));
    }
    line!(out, "        }}\n    }}\n}}\n");
}

fn emit_struct(out: &mut String, schema: &Schema, record: &Record) {
    doc_comment(out, "", record.doc.as_deref(), &format!("`{}` of the schema.", record.name));
    line!(out, "#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]");
    line!(out, "pub struct {}{} {{", record.name, lifetime(schema, &record.name));
    for field in &record.fields {
        doc_comment(out, "    ", field.doc.as_deref(), &format!("`{}`", field.name));
        emit_json_attribute(out, &field.kind);
        line!(out, "    pub {}: {},", field.name, rust_type(schema, &field.kind));
    }
    line!(out, "}}\n");
}

/// In JSON a field that is null is left out, and bytes are text.
fn emit_json_attribute(out: &mut String, kind: &Type) {
    let bytes = match kind {
        Type::Bytes => Some("bytes"),
        Type::Optional(inner) => {
            line!(out, "    #[serde(skip_serializing_if = \"Option::is_none\")]");
            (**inner == Type::Bytes).then_some("optional_bytes")
        }
        _ => None,
    };
    if let Some(function) = bytes {
        line!(out, "    #[serde(serialize_with = \"crate::json::{function}\")]");
    }
}

fn emit_codec(out: &mut String, schema: &Schema, record: &Record) {
    let name = &record.name;
    let own = lifetime(schema, name);
    line!(out, "impl<'a> crate::avro::Datum<'a> for {name}{own} {{");
    line!(out, "    fn encode(&self, out: &mut Vec<u8>) {{");
    for field in &record.fields {
        emit_encode(out, schema, &field.kind, &format!("self.{}", field.name), 2);
    }
    line!(out, "    }}\n");
    line!(out, "    fn decode(input: &mut crate::avro::Reader<'a>) -> Result<Self, crate::avro::DecodeError> {{");
    line!(out, "        Ok(Self {{");
    for field in &record.fields {
        line!(out, "            {}: {},", field.name, decode_expression(schema, &field.kind));
    }
    line!(out, "        }})\n    }}\n}}\n");
}

fn emit_message(out: &mut String, schema: &Schema, schema_text: &str, older: &[Older<'_>]) {
    let name = &schema.root;
    let own = lifetime(schema, name);
    line!(out, "impl<'a> crate::avro::Message<'a> for {name}{own} {{");
    line!(out, "    const SCHEMA: &'static str = {schema_text};\n");
    line!(
        out,
        "    fn decode_version(version: usize, input: &mut crate::avro::Reader<'a>) -> Result<Self, crate::avro::DecodeError> {{"
    );
    line!(out, "        Ok(match version {{");
    for older in older {
        line!(out, "            {} => {},", older.version, older.root());
    }
    line!(out, "            {} => crate::avro::Datum::decode(input)?,", older.len() + 1);
    line!(out, "            _ => return Err(input.error(\"the schema has no such version\")),");
    line!(out, "        }})\n    }}\n");
    line!(out, "    fn owned_from_slice(bytes: &[u8]) -> Result<Self, crate::avro::DecodeError> {{");
    let owned = if own.is_empty() { "" } else { ".map(|value| value.into_owned())" };
    line!(out, "        crate::avro::from_slice::<{name}{}>(bytes){owned}", if own.is_empty() { "" } else { "<'_>" });
    line!(out, "    }}\n}}\n");
}

fn emit_encode(out: &mut String, schema: &Schema, kind: &Type, value: &str, depth: usize) {
    let pad = "    ".repeat(depth);
    if let Some(long) = long_expression(schema, kind, value) {
        return line!(out, "{pad}crate::avro::put_long(out, {long});");
    }
    match kind {
        Type::Boolean => line!(out, "{pad}out.push(u8::from({value}));"),
        Type::String => line!(out, "{pad}crate::avro::put_bytes(out, {value}.as_bytes());"),
        Type::Bytes => line!(out, "{pad}crate::avro::put_bytes(out, &{value});"),
        Type::Decimal(_) => line!(out, "{pad}{value}.encode(out);"),
        Type::Array(inner) => {
            line!(out, "{pad}crate::avro::put_block(out, {value}.len());");
            line!(out, "{pad}for item in &{value} {{");
            emit_encode(out, schema, inner, &by_reference(schema, inner, "item"), depth + 1);
            line!(out, "{pad}}}");
            line!(out, "{pad}if !{value}.is_empty() {{ out.push(0); }}");
        }
        Type::Optional(inner) => emit_encode_optional(out, schema, inner, value, depth),
        _ => line!(out, "{pad}crate::avro::Datum::encode(&{value}, out);"),
    }
}

fn emit_encode_optional(out: &mut String, schema: &Schema, inner: &Type, value: &str, depth: usize) {
    let pad = "    ".repeat(depth);
    if let Some(long) = long_expression(schema, inner, "value") {
        return line!(out, "{pad}crate::avro::put_optional_long(out, {value}.map(|value| {long}));");
    }
    match inner {
        Type::String => {
            line!(out, "{pad}crate::avro::put_optional_bytes(out, {value}.as_ref().map(|value| value.as_bytes()));");
        }
        Type::Bytes => line!(out, "{pad}crate::avro::put_optional_bytes(out, {value}.as_deref());"),
        _ => {
            line!(out, "{pad}if let Some(value) = &{value} {{");
            line!(out, "{pad}    out.push(2);");
            emit_encode(out, schema, inner, &by_reference(schema, inner, "value"), depth + 1);
            line!(out, "{pad}}} else {{\n{pad}    out.push(0);\n{pad}}}");
        }
    }
}

/// What is written as an integer.
fn long_expression(schema: &Schema, kind: &Type, value: &str) -> Option<String> {
    match kind {
        Type::Int => Some(format!("i64::from({value})")),
        Type::Long => Some(value.to_owned()),
        Type::Timestamp | Type::LocalTimestamp => Some(format!("{value}.0")),
        Type::Named(name) if schema.is_enum(name) => Some(format!("{value} as i64")),
        _ => None,
    }
}

/// How a value behind the reference `name` is written: `Copy` types are dereferenced.
fn by_reference(schema: &Schema, kind: &Type, name: &str) -> String {
    match kind {
        Type::Boolean | Type::Int | Type::Long => format!("*{name}"),
        Type::Named(n) if schema.is_enum(n) => format!("*{name}"),
        Type::Named(_) => format!("*{name}"),
        _ => name.to_owned(),
    }
}

pub(crate) fn decode_expression(schema: &Schema, kind: &Type) -> String {
    match kind {
        Type::Boolean => "input.boolean()?".into(),
        Type::Int => "input.int()?".into(),
        Type::Long => "input.long()?".into(),
        Type::Timestamp => "crate::avro::Timestamp(input.long()?)".into(),
        Type::LocalTimestamp => "crate::avro::LocalTimestamp(input.long()?)".into(),
        Type::String => "std::borrow::Cow::Borrowed(input.string()?)".into(),
        Type::Bytes => "std::borrow::Cow::Borrowed(input.bytes()?)".into(),
        Type::Decimal(_) => "crate::avro::Decimal::decode(input)?".into(),
        Type::Named(name) if schema.is_enum(name) => format!("input.symbol({name}::ALL)?"),
        Type::Named(_) => "crate::avro::Datum::decode(input)?".into(),
        Type::Array(inner) => format!("input.array(|input| Ok({}))?", decode_expression(schema, inner)),
        Type::Optional(inner) => {
            format!("if input.present()? {{ Some({}) }} else {{ None }}", decode_expression(schema, inner))
        }
    }
}

fn emit_bson(out: &mut String, schema: &Schema, record: &Record) {
    let own = if lifetime(schema, &record.name).is_empty() { "" } else { "<'_>" };
    line!(out, "impl crate::bson::Fields for {}{own} {{", record.name);
    line!(out, "    fn write_fields(&self, out: &mut crate::bson::Writer) {{");
    for field in &record.fields {
        let value = format!("self.{}", field.name);
        emit_bson_field(out, schema, &field.kind, &format!("\"{}\"", field.bson_name), &value, 2);
    }
    line!(out, "    }}\n}}\n");
}

fn emit_bson_field(out: &mut String, schema: &Schema, kind: &Type, key: &str, value: &str, depth: usize) {
    let pad = "    ".repeat(depth);
    match kind {
        Type::Boolean => line!(out, "{pad}out.boolean({key}, {value});"),
        Type::Int => line!(out, "{pad}out.int64({key}, i64::from({value}));"),
        Type::Long => line!(out, "{pad}out.int64({key}, {value});"),
        Type::Timestamp | Type::LocalTimestamp => line!(out, "{pad}out.date({key}, {value}.0);"),
        Type::String => line!(out, "{pad}out.string({key}, &{value});"),
        Type::Bytes => line!(out, "{pad}out.binary({key}, &{value});"),
        Type::Decimal(scale) => line!(out, "{pad}out.decimal({key}, {value}.unscaled(), {scale});"),
        Type::Named(name) if schema.is_enum(name) => {
            line!(out, "{pad}out.string({key}, ({value}).symbol());");
        }
        Type::Named(_) => line!(out, "{pad}out.document({key}, &{value});"),
        Type::Array(inner) => {
            line!(out, "{pad}out.array({key}, {value}.iter(), |out, key, item| {{");
            emit_bson_field(out, schema, inner, "key", &by_reference(schema, inner, "item"), depth + 1);
            line!(out, "{pad}}});");
        }
        Type::Optional(inner) => {
            line!(out, "{pad}if let Some(value) = &{value} {{");
            emit_bson_field(out, schema, inner, key, &by_reference(schema, inner, "value"), depth + 1);
            line!(out, "{pad}}}");
        }
    }
}

/// A record that borrows can outlive what it borrows from.
fn emit_owned(out: &mut String, schema: &Schema, record: &Record) {
    let name = &record.name;
    if lifetime(schema, name).is_empty() {
        return;
    }
    line!(out, "impl {name}<'_> {{\n    /// The same, borrowing nothing.\n    #[must_use]");
    line!(out, "    pub fn into_owned(self) -> {name}<'static> {{\n        {name} {{");
    for field in &record.fields {
        let value = owned_expression(schema, &field.kind, &format!("self.{}", field.name));
        line!(out, "            {}: {value},", field.name);
    }
    line!(out, "        }}\n    }}\n}}\n");
}

fn owned_expression(schema: &Schema, kind: &Type, value: &str) -> String {
    let item = |inner| owned_expression(schema, inner, "item");
    match kind {
        kind if !schema.borrows(kind) => value.to_owned(),
        Type::Array(inner) => format!("{value}.into_iter().map(|item| {}).collect()", item(inner)),
        Type::Optional(inner) => format!("{value}.map(|item| {})", item(inner)),
        Type::Named(_) => format!("{value}.into_owned()"),
        _ => format!("std::borrow::Cow::Owned({value}.into_owned())"),
    }
}

pub(crate) fn lifetime(schema: &Schema, record: &str) -> &'static str {
    if schema.borrows(&Type::Named(record.to_owned())) { "<'a>" } else { "" }
}

fn rust_type(schema: &Schema, kind: &Type) -> String {
    match kind {
        Type::Boolean => "bool".into(),
        Type::Int => "i32".into(),
        Type::Long => "i64".into(),
        Type::String => "std::borrow::Cow<'a, str>".into(),
        Type::Bytes => "std::borrow::Cow<'a, [u8]>".into(),
        Type::Decimal(scale) => format!("crate::avro::Decimal<{scale}>"),
        Type::Timestamp => "crate::avro::Timestamp".into(),
        Type::LocalTimestamp => "crate::avro::LocalTimestamp".into(),
        Type::Named(name) if schema.is_enum(name) => name.clone(),
        Type::Named(name) => format!("{name}{}", lifetime(schema, name)),
        Type::Array(inner) => format!("Vec<{}>", rust_type(schema, inner)),
        Type::Optional(inner) => format!("Option<{}>", rust_type(schema, inner)),
    }
}

/// `SELL_RETURN` -> `SellReturn`, `VAT_20_120` -> `Vat20_120` (digits keep their underscore).
pub(crate) fn variant(symbol: &str) -> String {
    let mut name = String::new();
    for part in symbol.split('_') {
        if name.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        let mut letters = part.chars();
        name.extend(letters.next());
        name.extend(letters.map(|c| c.to_ascii_lowercase()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_become_variants() {
        assert_eq!(variant("SELL_RETURN"), "SellReturn");
        assert_eq!(variant("VAT_20_120"), "Vat20_120");
        assert_eq!(variant("NONE"), "None");
    }

    #[test]
    fn a_record_without_text_has_no_lifetime() {
        let schema = crate::parse(r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}"#).unwrap();
        let source = generate(&schema, "\"\"", &[]).unwrap();
        assert!(source.contains("pub struct R {"));
        assert!(source.contains("impl<'a> crate::avro::Datum<'a> for R {"));
        assert!(!source.contains("into_owned"));
    }
}
