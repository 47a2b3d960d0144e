//! Decoders of older published versions: from the bytes of their writers straight into the types of the newest one.
//!
//! What Avro calls schema resolution happens here, once, when the code is written. A version can differ from the newest
//! one as full compatibility allows: in fields that have a default, in the order of fields, and in the symbols of enums.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use crate::{
    SchemaError,
    emit::{decode_expression, lifetime, line, variant},
    model::{Enum, Field, Record, Schema, Type, error},
};

/// An older version beside the newest one.
pub(crate) struct Older<'s> {
    /// Its number; the first version is 1.
    pub version: usize,
    writer: &'s Schema,
    newest: &'s Schema,
}

impl<'s> Older<'s> {
    /// The `version` is the writer's; each type that both know has to be one that can be read as the newest.
    ///
    /// # Errors
    /// When the root records have different names.
    pub fn new(version: usize, writer: &'s Schema, newest: &'s Schema) -> Result<Self, SchemaError> {
        if writer.root == newest.root {
            Ok(Self { version, writer, newest })
        } else {
            Err(error(&format!("version {version}"), format!("the root record is called `{}`", writer.root)))
        }
    }

    /// The expression that decodes the root record from `input`.
    pub fn root(&self) -> String {
        self.record_expression(&self.newest.root)
    }

    /// Appends a decoder for each record that this version writes in another way than the newest one.
    ///
    /// # Errors
    /// When a record cannot be read as the newest version has it.
    pub fn emit(&self, out: &mut String) -> Result<(), SchemaError> {
        for record in &self.newest.records {
            if let Some(written) = self.writer.record(&record.name)
                && !self.is_same(&Type::Named(record.name.clone()))
            {
                self.emit_record(out, written, record)?;
            }
        }
        Ok(())
    }

    fn emit_record(&self, out: &mut String, written: &Record, record: &Record) -> Result<(), SchemaError> {
        let (name, version) = (&record.name, self.version);
        let (parameters, own) = match lifetime(self.newest, name) {
            "" => ("", ""),
            own => ("<'a>", own),
        };
        let input = if own.is_empty() { "'_" } else { "'a" };
        line!(out, "impl{parameters} {name}{own} {{");
        line!(out, "    /// Reads what version {version} of the schema writes.");
        line!(
            out,
            "    fn decode_v{version}(input: &mut crate::avro::Reader<{input}>) -> Result<Self, crate::avro::DecodeError> {{"
        );
        for field in &written.fields {
            match record.field(&field.name) {
                Some(newest) => {
                    let value = self.read(&field.kind, &newest.kind, &self.place(name, &field.name))?;
                    line!(out, "        let its_{} = {value};", field.name);
                }
                None => line!(out, "        {};", self.skip(&field.kind)),
            }
        }
        line!(out, "        Ok(Self {{");
        for field in &record.fields {
            let value = match written.field(&field.name) {
                Some(_) => format!("its_{}", field.name),
                None => self.default_of(field, name)?,
            };
            line!(out, "            {}: {value},", field.name);
        }
        line!(out, "        }})\n    }}\n}}\n");
        Ok(())
    }

    fn place(&self, record: &str, field: &str) -> String {
        format!("version {}: {record}.{field}", self.version)
    }

    /// Whether both versions write the type in the same way, so that the newest decoder reads it.
    fn is_same(&self, kind: &Type) -> bool {
        let same_enum = |written: &Enum, newest: &Enum| written.symbols == newest.symbols;
        let same_record = |written: &Record, newest: &Record| {
            written.fields.len() == newest.fields.len()
                && written.fields.iter().zip(&newest.fields).all(|(written, newest)| {
                    written.name == newest.name && written.kind == newest.kind && self.is_same(&newest.kind)
                })
        };
        match kind {
            Type::Named(name) => match (self.writer.record(name), self.newest.record(name)) {
                (Some(written), Some(newest)) => same_record(written, newest),
                _ => self
                    .writer
                    .enumeration(name)
                    .zip(self.newest.enumeration(name))
                    .is_some_and(|(written, newest)| same_enum(written, newest)),
            },
            Type::Array(inner) | Type::Optional(inner) => self.is_same(inner),
            _ => true,
        }
    }

    /// The expression that reads a written type as one of the newest version.
    fn read(&self, written: &Type, newest: &Type, place: &str) -> Result<String, SchemaError> {
        match (written, newest) {
            (Type::Named(ours), Type::Named(theirs)) if ours == theirs => {
                if let (Some(_), Some(_)) = (self.writer.record(ours), self.newest.record(ours)) {
                    return Ok(self.record_expression(ours));
                }
                let both = self.writer.enumeration(ours).zip(self.newest.enumeration(ours));
                let (written, newest) = both.ok_or_else(|| error(place, format!("`{ours}` was of another kind")))?;
                Ok(symbols(written, newest))
            }
            (Type::Array(written), Type::Array(newest)) => {
                Ok(format!("input.array(|input| Ok({}))?", self.read(written, newest, &format!("{place}[]"))?))
            }
            (Type::Optional(written), Type::Optional(newest)) => {
                Ok(format!("if input.present()? {{ Some({}) }} else {{ None }}", self.read(written, newest, place)?))
            }
            (written, newest) if written == newest => Ok(decode_expression(self.newest, newest)),
            _ => Err(error(place, format!("it was {written:?} and is {newest:?}"))),
        }
    }

    fn record_expression(&self, name: &str) -> String {
        if self.is_same(&Type::Named(name.to_owned())) {
            "crate::avro::Datum::decode(input)?".to_owned()
        } else {
            format!("{name}::decode_v{}(input)?", self.version)
        }
    }

    /// Statements that read a value of the writer's and keep nothing of it.
    fn skip(&self, kind: &Type) -> String {
        match kind {
            Type::Boolean => "input.boolean()?".into(),
            Type::Int => "input.int()?".into(),
            Type::Long | Type::Timestamp | Type::LocalTimestamp => "input.long()?".into(),
            Type::String => "input.string()?".into(),
            Type::Bytes | Type::Decimal(_) => "input.bytes()?".into(),
            Type::Array(inner) => format!("input.array(|input| {{ {}; Ok(()) }})?", self.skip(inner)),
            Type::Optional(inner) => format!("if input.present()? {{ {}; }}", self.skip(inner)),
            Type::Named(name) => match (self.writer.record(name), self.writer.enumeration(name)) {
                (Some(record), _) => {
                    let fields: Vec<String> = record.fields.iter().map(|field| self.skip(&field.kind)).collect();
                    fields.join("; ")
                }
                (None, written) => {
                    format!("input.symbol(&[(); {}])?", written.map_or(0, |written| written.symbols.len()))
                }
            },
        }
    }

    fn default_of(&self, field: &Field, record: &str) -> Result<String, SchemaError> {
        let place = self.place(record, &field.name);
        let value = field.default.as_ref().ok_or_else(|| error(&place, "it is new and has no default"))?;
        default_expression(self.newest, &field.kind, value)
            .ok_or_else(|| error(&place, format!("the default {value} is not of its type")))
    }
}

/// Reads an enum with the writer's symbols.
fn symbols(written: &Enum, newest: &Enum) -> String {
    let name = &newest.name;
    if written.symbols == newest.symbols {
        return format!("input.symbol({name}::ALL)?");
    }
    let read_as =
        |symbol: &String| if newest.symbols.contains(symbol) { symbol.clone() } else { newest.default.clone() };
    let variants: Vec<String> =
        written.symbols.iter().map(|symbol| format!("{name}::{}", variant(&read_as(symbol)))).collect();
    format!("input.symbol(&[{}])?", variants.join(", "))
}

/// A default of the schema as an expression; `None` when it does not fit the type.
fn default_expression(schema: &Schema, kind: &Type, value: &Value) -> Option<String> {
    // Bytes stand in JSON as text whose characters are the bytes.
    let bytes = |text: &str| text.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>();
    Some(match kind {
        Type::Boolean => value.as_bool()?.to_string(),
        Type::Int => i32::try_from(value.as_i64()?).ok()?.to_string(),
        Type::Long => value.as_i64()?.to_string(),
        Type::Timestamp => format!("crate::avro::Timestamp({})", value.as_i64()?),
        Type::LocalTimestamp => format!("crate::avro::LocalTimestamp({})", value.as_i64()?),
        Type::String => format!("std::borrow::Cow::Borrowed({:?})", value.as_str()?),
        Type::Bytes => format!("std::borrow::Cow::Borrowed(&{:?})", bytes(value.as_str()?)?),
        Type::Decimal(scale) => {
            format!("crate::avro::Decimal::<{scale}>::from_unscaled({})", unscaled(&bytes(value.as_str()?)?)?)
        }
        Type::Named(name) => match (schema.record(name), schema.enumeration(name)) {
            (Some(record), _) => record_default(schema, record, value)?,
            (None, definition) => {
                let symbol = value.as_str()?;
                definition?
                    .symbols
                    .iter()
                    .any(|known| known == symbol)
                    .then(|| format!("{name}::{}", variant(symbol)))?
            }
        },
        Type::Array(inner) => {
            let items = value.as_array()?.iter().map(|item| default_expression(schema, inner, item));
            format!("vec![{}]", items.collect::<Option<Vec<_>>>()?.join(", "))
        }
        Type::Optional(_) => value.is_null().then(|| "None".to_owned())?,
    })
}

fn record_default(schema: &Schema, record: &Record, value: &Value) -> Option<String> {
    let mut fields = BTreeMap::new();
    for field in &record.fields {
        let value = value.as_object()?.get(&field.name).or(field.default.as_ref())?;
        fields.insert(&field.name, default_expression(schema, &field.kind, value)?);
    }
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    Some(format!("{} {{ {} }}", record.name, fields.join(", ")))
}

/// The integer of a decimal's bytes, two's complement and big-endian.
fn unscaled(bytes: &[u8]) -> Option<i64> {
    let fill = if bytes.first()? & 0x80 == 0 { 0x00 } else { 0xFF };
    let mut whole = [fill; 8];
    whole[8_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(i64::from_be_bytes(whole))
}

#[cfg(test)]
mod tests {
    use crate::{generate, parse};

    /// What stops the build when a record with the first field became one with the second.
    fn problem(written: &str, newest: &str) -> String {
        let schema = |field: &str| {
            parse(&format!(r#"{{"type":"record","name":"R","fields":[{{"name":"same","type":"long"}}{field}]}}"#))
                .unwrap()
        };
        match generate(&schema(newest), "\"\"", &[schema(written)]) {
            Ok(source) => source,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_change_that_cannot_be_read_stops_the_build_with_its_place() {
        let field = |rest: &str| format!(r#",{{"name":"f",{rest}}}"#);
        assert_eq!(problem("", &field(r#""type":"long""#)), "version 1: R.f: it is new and has no default");
        let text_as_default = field(r#""type":"long","default":"7""#);
        assert_eq!(problem("", &text_as_default), "version 1: R.f: the default \"7\" is not of its type");
        let of_type = |kind: &str| field(&format!(r#""type":{kind}"#));
        let other = problem(&of_type(r#""string""#), &of_type(r#""long""#));
        assert_eq!(other, "version 1: R.f: it was String and is Long");
        let item = |kind: &str| of_type(&format!(r#"{{"type":"array","items":{kind}}}"#));
        assert_eq!(problem(&item(r#""int""#), &item(r#""long""#)), "version 1: R.f[]: it was Int and is Long");
        let record = of_type(r#"{"type":"record","name":"N","fields":[]}"#);
        let symbols = of_type(r#"{"type":"enum","name":"N","symbols":["A"],"default":"A"}"#);
        assert_eq!(problem(&record, &symbols), "version 1: R.f: `N` was of another kind");
        let root = parse(r#"{"type":"record","name":"Other","fields":[]}"#).unwrap();
        let newest = parse(r#"{"type":"record","name":"R","fields":[]}"#).unwrap();
        let other = generate(&newest, "\"\"", &[root]).unwrap_err().to_string();
        assert_eq!(other, "version 1: the root record is called `Other`");
    }

    #[test]
    fn the_characters_of_a_default_are_bytes() {
        let source = problem("", r#",{"name":"f","type":"bytes","default":"\u0000\u00ff"}"#);
        assert!(source.contains("f: std::borrow::Cow::Borrowed(&[0, 255]),"));
        let decimal = |default: &str| {
            let kind = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
            problem("", &format!(r#",{{"name":"f","type":{kind},"default":"{default}"}}"#))
        };
        assert!(decimal(r"\u00ff\u0000").contains("f: crate::avro::Decimal::<2>::from_unscaled(-256),"));
        assert!(decimal("").contains("is not of its type") && decimal("123456789").contains("is not of its type"));
    }

    #[test]
    fn a_version_that_writes_the_same_has_no_decoder_of_its_own() {
        assert!(!problem("", "").contains("decode_v1"));
        assert!(problem(r#",{"name":"f","type":"long"}"#, "").contains("fn decode_v1"));
    }
}
