//! The part of an Avro schema that the generator understands.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::SchemaError;

/// A type as a field uses it.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `bytes` with `logicalType: decimal`, and its scale.
    Decimal(u32),
    /// `long` with `logicalType: timestamp-micros`
    Timestamp,
    /// `long` with `logicalType: local-timestamp-micros`
    LocalTimestamp,
    /// A record or an enum, by its short name.
    Named(String),
    /// `array`
    Array(Box<Type>),
    /// `["null", T]`
    Optional(Box<Type>),
}

/// A field of a record.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name in the schema and in Rust.
    pub name: String,
    /// Name in BSON.
    pub bson_name: String,
    /// The schema's `doc`.
    pub doc: Option<String>,
    /// The field's type.
    pub kind: Type,
    /// What readers take for it where a writer's version does not have it.
    pub default: Option<Value>,
}

/// A record definition.
#[derive(Debug, Clone)]
pub struct Record {
    /// Short name.
    pub name: String,
    /// The schema's `doc`.
    pub doc: Option<String>,
    /// Fields in the order of the schema, which is the order on the wire.
    pub fields: Vec<Field>,
}

/// An enum definition.
#[derive(Debug, Clone)]
pub struct Enum {
    /// Short name.
    pub name: String,
    /// The schema's `doc`.
    pub doc: Option<String>,
    /// Symbols in the order of the schema; the wire carries their index.
    pub symbols: Vec<String>,
    /// The symbol that readers use for one they do not know.
    pub default: String,
}

/// A parsed schema: the root record and everything defined inside it.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Name of the root record.
    pub root: String,
    /// Records, innermost first.
    pub records: Vec<Record>,
    /// Enums.
    pub enums: Vec<Enum>,
}

/// Reads a schema's JSON text.
///
/// # Errors
/// When the text is not JSON, uses a type outside the subset, or an enum has no default.
pub fn parse(text: &str) -> Result<Schema, SchemaError> {
    let json: Value = serde_json::from_str(text).map_err(|e| error("schema", e.to_string()))?;
    let mut schema = Schema::default();
    match parse_type(&json, "schema", &mut schema)? {
        Type::Named(name) if schema.record(&name).is_some() => schema.root = name,
        _ => return Err(error("schema", "the root must be a record")),
    }
    Ok(schema)
}

impl Schema {
    /// Whether a value of this type borrows from the message it was decoded from.
    #[must_use]
    pub fn borrows(&self, kind: &Type) -> bool {
        match kind {
            Type::String | Type::Bytes => true,
            Type::Array(inner) | Type::Optional(inner) => self.borrows(inner),
            Type::Named(name) => {
                self.record(name).is_some_and(|record| record.fields.iter().any(|f| self.borrows(&f.kind)))
            }
            _ => false,
        }
    }

    /// Whether the name is an enum's.
    #[must_use]
    pub fn is_enum(&self, name: &str) -> bool {
        self.enumeration(name).is_some()
    }

    pub(crate) fn record(&self, name: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.name == name)
    }

    pub(crate) fn enumeration(&self, name: &str) -> Option<&Enum> {
        self.enums.iter().find(|definition| definition.name == name)
    }
}

impl Record {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

pub(crate) fn error(path: &str, problem: impl Into<String>) -> SchemaError {
    SchemaError { path: path.to_owned(), problem: problem.into() }
}

fn text<'v>(value: &'v Value, key: &str, path: &str) -> Result<&'v str, SchemaError> {
    value[key].as_str().ok_or_else(|| error(path, format!("`{key}` is missing")))
}

fn doc(value: &Value) -> Option<String> {
    value["doc"].as_str().map(str::to_owned)
}

fn parse_type(json: &Value, path: &str, schema: &mut Schema) -> Result<Type, SchemaError> {
    match json {
        Value::String(name) => primitive(name).map_or_else(|| reference(name, path, schema), Ok),
        Value::Array(branches) => match branches.as_slice() {
            [Value::String(null), inner] if null == "null" => {
                Ok(Type::Optional(Box::new(parse_type(inner, path, schema)?)))
            }
            _ => Err(error(path, "a union must be [\"null\", T]")),
        },
        Value::Object(_) => parse_complex(json, path, schema),
        other => Err(error(path, format!("not a type: {other}"))),
    }
}

fn primitive(name: &str) -> Option<Type> {
    let primitives: BTreeMap<&str, Type> = [
        ("boolean", Type::Boolean),
        ("int", Type::Int),
        ("long", Type::Long),
        ("string", Type::String),
        ("bytes", Type::Bytes),
    ]
    .into();
    primitives.get(name).cloned()
}

fn reference(name: &str, path: &str, schema: &Schema) -> Result<Type, SchemaError> {
    let short = name.rsplit('.').next().unwrap_or(name);
    if schema.is_enum(short) || schema.record(short).is_some() {
        Ok(Type::Named(short.to_owned()))
    } else {
        Err(error(path, format!("unknown type `{name}`")))
    }
}

fn parse_complex(json: &Value, path: &str, schema: &mut Schema) -> Result<Type, SchemaError> {
    match (text(json, "type", path)?, json["logicalType"].as_str()) {
        ("bytes", Some("decimal")) => {
            let scale = json["scale"].as_u64().and_then(|s| u32::try_from(s).ok());
            let precision = json["precision"].as_u64().unwrap_or(0);
            match scale {
                Some(scale) if (1..=18).contains(&precision) => Ok(Type::Decimal(scale)),
                _ => Err(error(path, "a decimal needs a scale and a precision of at most 18")),
            }
        }
        ("long", Some("timestamp-micros")) => Ok(Type::Timestamp),
        ("long", Some("local-timestamp-micros")) => Ok(Type::LocalTimestamp),
        (_, Some(logical)) => Err(error(path, format!("logical type `{logical}` is not supported"))),
        ("array", None) => Ok(Type::Array(Box::new(parse_type(&json["items"], &format!("{path}[]"), schema)?))),
        ("record", None) => parse_record(json, path, schema),
        ("enum", None) => parse_enum(json, path, schema),
        (name, None) => primitive(name).ok_or_else(|| error(path, format!("type `{name}` is not supported"))),
    }
}

fn parse_record(json: &Value, path: &str, schema: &mut Schema) -> Result<Type, SchemaError> {
    let name = text(json, "name", path)?.to_owned();
    let fields = json["fields"].as_array().ok_or_else(|| error(path, "`fields` is missing"))?;
    let mut parsed = Vec::with_capacity(fields.len());
    for field in fields {
        let field_name = text(field, "name", path)?;
        let here = format!("{path}.{field_name}");
        parsed.push(Field {
            name: field_name.to_owned(),
            bson_name: field["bson"].as_str().unwrap_or(field_name).to_owned(),
            doc: doc(field),
            kind: parse_type(&field["type"], &here, schema)?,
            default: field.get("default").cloned(),
        });
    }
    schema.records.push(Record { name: name.clone(), doc: doc(json), fields: parsed });
    Ok(Type::Named(name))
}

fn parse_enum(json: &Value, path: &str, schema: &mut Schema) -> Result<Type, SchemaError> {
    let name = text(json, "name", path)?.to_owned();
    let symbols: Vec<String> =
        json["symbols"].as_array().into_iter().flatten().filter_map(|s| s.as_str().map(str::to_owned)).collect();
    let default = text(json, "default", path)?.to_owned();
    if !symbols.contains(&default) {
        return Err(error(path, format!("the default `{default}` is no symbol")));
    }
    schema.enums.push(Enum { name: name.clone(), doc: doc(json), symbols, default });
    Ok(Type::Named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_without_a_default_is_refused() {
        let text =
            r#"{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}"#;
        let error = parse(text).unwrap_err();
        assert_eq!(error.path, "schema.e");
    }

    #[test]
    fn a_union_that_is_not_optional_is_refused_with_its_place() {
        let text = r#"{"type":"record","name":"R","fields":[{"name":"u","type":["int","string"]}]}"#;
        assert_eq!(parse(text).unwrap_err().to_string(), "schema.u: a union must be [\"null\", T]");
    }

    #[test]
    fn a_record_borrows_when_one_of_its_fields_does() {
        let text = r#"{"type":"record","name":"R","fields":[
            {"name":"inner","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"n","type":"long"}]}}},
            {"name":"s","type":["null","string"],"default":null}]}"#;
        let schema = parse(text).unwrap();
        assert!(!schema.borrows(&Type::Named("I".into())));
        assert!(schema.borrows(&Type::Named("R".into())));
    }
}
