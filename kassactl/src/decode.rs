//! Records of any schema version as trees, with the schema that the registry keeps under the record's id.

use std::{collections::HashMap, sync::Arc};

use apache_avro::Schema;
use schemas::{
    registry::{Registry, RegistryError},
    wire,
};
use tree::Tree;

/// Decodes the values of records. Each schema is asked for once.
#[derive(Debug)]
pub(crate) struct Decoder {
    registry: Registry,
    schemas: HashMap<wire::SchemaId, Arc<Schema>>,
}

impl Decoder {
    pub fn new(registry: Registry) -> Self {
        Self { registry, schemas: HashMap::new() }
    }

    /// The value of a record, or why this one cannot be read.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn decode(&mut self, payload: &[u8]) -> Result<Result<Tree, String>, RegistryError> {
        let Some((id, body)) = wire::split(payload) else {
            return Ok(Err("not in the wire format: no schema is named".to_owned()));
        };
        Ok(match self.schema(id).await? {
            Ok(schema) => tree::of_record(&schema, body).map_err(|problem| format!("schema {id}: {problem}")),
            Err(problem) => Err(problem),
        })
    }

    async fn schema(&mut self, id: wire::SchemaId) -> Result<Result<Arc<Schema>, String>, RegistryError> {
        if let Some(known) = self.schemas.get(&id) {
            return Ok(Ok(Arc::clone(known)));
        }
        let Some(text) = self.registry.schema(id).await? else {
            return Ok(Err(format!("the schema registry does not know the schema {id}")));
        };
        Ok(match Schema::parse_str(&text) {
            Ok(schema) => {
                let schema = Arc::new(schema);
                self.schemas.insert(id, Arc::clone(&schema));
                Ok(schema)
            }
            Err(error) => Err(format!("schema {id}: {error}")),
        })
    }
}
