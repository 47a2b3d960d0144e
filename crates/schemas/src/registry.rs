//! The schema registry: registering versions, finding their ids, reading messages of every version.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use schema_registry_converter::{
    async_impl::schema_registry::{
        SrSettings, get_all_versions, get_schema_by_id, get_schema_by_subject_and_version, post_schema,
    },
    error::SRCError,
    schema_registry_common::{SchemaType, SuppliedSchema},
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::{DecodeError, Message, TopicSchema, avro, foreign::Rewriter, wire::SchemaId};

/// How long one call to the registry may take.
const CALL_BOUND: Duration = Duration::from_secs(10);
/// Pauses between tries while the registry is away.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The registry of one installation. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    prefix: String,
    calls: SrSettings,
    http: reqwest::Client,
}

/// What went wrong with the registry; the variants are the caller's choices.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be reached or does not answer: wait and try again.
    #[error("the schema registry does not answer: {0}")]
    Away(String),
    /// It lacks a schema that this program writes or reads: wait until somebody registers it.
    #[error("the schema registry has no version {version} of {subject}; `kassactl schemas apply` registers it")]
    NotRegistered {
        /// The subject.
        subject: String,
        /// The missing version.
        version: usize,
    },
    /// It answers with another schema than this program was built with: stop, nothing may be written.
    #[error("version {version} of {subject} in the schema registry is not the one that this program was built with")]
    Different {
        /// The subject.
        subject: String,
        /// The version that differs.
        version: usize,
    },
    /// That is no address of a registry.
    #[error("`{0}` is no URL with http:// or https://")]
    Url(String),
    /// It refuses: the request can never succeed.
    #[error("the schema registry refuses: {0}")]
    Refused(String),
}

/// The ids of a topic's schema versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaIds {
    /// Id of the version that producers write.
    pub newest: SchemaId,
    /// Id of every version that this program was built with, oldest first.
    pub versions: Vec<SchemaId>,
}

impl Registry {
    /// `url` is the Confluent-compatible interface, `prefix` the installation's.
    ///
    /// # Errors
    /// When `url` is none, or no HTTP client can be made.
    pub fn new(url: &str, prefix: &str) -> Result<Self, RegistryError> {
        let is_http = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_http {
            return Err(RegistryError::Url(url.to_owned()));
        }
        let url = url.trim_end_matches('/').to_owned();
        let calls = SrSettings::new_builder(url.clone()).set_timeout(CALL_BOUND).build().map_err(sort)?;
        let http = reqwest::Client::builder()
            .timeout(CALL_BOUND)
            .build()
            .map_err(|e| RegistryError::Refused(e.to_string()))?;
        Ok(Self { url, prefix: prefix.to_owned(), calls, http })
    }

    /// The subject of a topic's values.
    #[must_use]
    pub fn subject(&self, topic: &str) -> String {
        format!("{}{topic}-value", self.prefix)
    }

    /// Registers every version of the topic's schema, under full transitive compatibility. Running
    /// it again changes nothing.
    ///
    /// # Errors
    /// When the registry is away, or refuses a version, for example as incompatible.
    pub async fn apply(&self, schema: &TopicSchema) -> Result<SchemaIds, RegistryError> {
        let subject = self.subject(schema.topic);
        let mut versions = Vec::new();
        for (index, text) in schema.versions.iter().enumerate() {
            let supplied = SuppliedSchema::new(None, SchemaType::Avro, (*text).to_owned());
            versions.push(post_schema(&self.calls, subject.clone(), supplied).await.map_err(sort)?.id);
            if index == 0 {
                // Apicurio knows a subject's rules only once the subject exists.
                self.require_full_transitive(&subject).await?;
            }
        }
        self.found(&subject, versions)
    }

    async fn require_full_transitive(&self, subject: &str) -> Result<(), RegistryError> {
        let url = format!("{}/config/{subject}", self.url);
        let body = r#"{"compatibility":"FULL_TRANSITIVE"}"#;
        let request = self.http.put(url).header("content-type", "application/vnd.schemaregistry.v1+json").body(body);
        let answer = request.send().await.map_err(|e| RegistryError::Away(e.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_server_error() => Err(RegistryError::Away(status.to_string())),
            status => Err(RegistryError::Refused(format!("compatibility of {subject}: {status}"))),
        }
    }

    /// The ids under which the registry knows the versions that this program was built with, after
    /// checking that they mean the same.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn ids(&self, topic: &str) -> Result<SchemaIds, RegistryError> {
        let subject = self.subject(topic);
        let schema = schema_of(topic)?;
        let published = match get_all_versions(&self.calls, subject.clone()).await {
            Ok(versions) => versions,
            Err(error) => match sort(error) {
                RegistryError::Refused(_) => Vec::new(), // an unknown subject
                away => return Err(away),
            },
        };
        let mut versions = Vec::new();
        for (index, text) in schema.versions.iter().enumerate() {
            let version = index + 1;
            let Some(number) = published.get(index) else {
                return Err(RegistryError::NotRegistered { subject, version });
            };
            let registered =
                get_schema_by_subject_and_version(&self.calls, &subject, Some(*number)).await.map_err(sort)?;
            if !same(text, &registered.schema) {
                return Err(RegistryError::Different { subject, version });
            }
            versions.push(registered.id);
        }
        self.found(&subject, versions)
    }

    fn found(&self, subject: &str, versions: Vec<SchemaId>) -> Result<SchemaIds, RegistryError> {
        let newest = versions.last().copied();
        let newest = newest.ok_or_else(|| RegistryError::Refused(format!("{subject} has no version")))?;
        Ok(SchemaIds { newest, versions })
    }

    /// As [`Registry::ids`], waiting while the registry is away or the schema is not registered yet.
    ///
    /// # Errors
    /// Only [`RegistryError::Different`] and [`RegistryError::Refused`]: the service must stop.
    pub async fn wait_for_ids(&self, topic: &str) -> Result<SchemaIds, RegistryError> {
        let mut pause = TRY_AGAIN.0;
        loop {
            match self.ids(topic).await {
                Err(error @ (RegistryError::Away(_) | RegistryError::NotRegistered { .. })) => {
                    tracing::warn!(%error, "waiting for the schema registry");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(TRY_AGAIN.1);
                }
                done => return done,
            }
        }
    }

    /// The schema with this id, as JSON text; `None` when a reachable registry does not know it.
    ///
    /// # Errors
    /// [`RegistryError::Away`].
    pub async fn schema(&self, id: SchemaId) -> Result<Option<String>, RegistryError> {
        match get_schema_by_id(id, &self.calls).await {
            Ok(registered) => Ok(Some(registered.schema)),
            Err(error) => match sort(error) {
                RegistryError::Refused(_) => Ok(None),
                away => Err(away),
            },
        }
    }
}

fn schema_of(topic: &str) -> Result<&'static TopicSchema, RegistryError> {
    TopicSchema::of(topic).ok_or_else(|| RegistryError::Refused(format!("{topic} has no schema")))
}

fn sort(error: SRCError) -> RegistryError {
    let text = error.cause.as_ref().map_or_else(|| error.error.clone(), |cause| format!("{}: {cause}", error.error));
    if error.retriable { RegistryError::Away(text) } else { RegistryError::Refused(text) }
}

/// Whether two schema texts mean the same: white space and the order of attributes do not count.
fn same(ours: &str, theirs: &str) -> bool {
    let parsed = |text| serde_json::from_str::<Value>(text).ok();
    parsed(ours).is_some_and(|ours| Some(ours) == parsed(theirs))
}

/// Reads messages of one topic into the types of its newest schema, whatever version they were written with.
///
/// Those of a published version are decoded by generated code. Those of a foreign one, which a later program has
/// registered, are rewritten as the newest version by apache-avro and decoded then.
#[derive(Debug)]
pub struct Resolver {
    registry: Registry,
    schema: &'static TopicSchema,
    published: SchemaIds,
    /// Of foreign ids that were asked for.
    foreign: HashMap<SchemaId, Arc<Rewriter>>,
    /// When a reachable registry was first asked for an id that it does not know.
    unknown_since: HashMap<SchemaId, Instant>,
    patience: Duration,
}

/// Why a message cannot be read with its schema.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The registry is away, or does not know the id (yet): offer the message again later.
    #[error("the schema with id {id} is not to be had: {problem}")]
    Later {
        /// The id.
        id: SchemaId,
        /// Why.
        problem: String,
    },
    /// The bytes are no message of the published version that they name: reject the message.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    /// The bytes do not fit their foreign schema, or that cannot become ours: reject the message.
    #[error("{0}")]
    Unreadable(String),
}

/// Most foreign ids that are remembered; a topic has one for each version that later programs have published.
const MOST_FOREIGN: usize = 1000;

/// How long messages with an id that a reachable registry does not know are waited for: a registry
/// may be restored late. After that they are unreadable, so that no garbage stops a partition.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

impl Resolver {
    /// A resolver for the topic, whose published versions have these ids.
    ///
    /// # Errors
    /// When the topic has no schema, a mistake in the program.
    pub fn new(registry: Registry, topic: &'static str, published: SchemaIds) -> Result<Self, RegistryError> {
        let schema = schema_of(topic)?;
        let (foreign, unknown_since) = (HashMap::new(), HashMap::new());
        Ok(Self { registry, schema, published, foreign, unknown_since, patience: PATIENCE })
    }

    /// With another time to wait for unknown ids than [`PATIENCE`].
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether messages with this id are of the newest version.
    #[must_use]
    pub const fn is_newest(&self, id: SchemaId) -> bool {
        self.published.newest == id
    }

    /// Reads an Avro body that was written with the schema of this id. `T` is the topic's type.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn read<'b, T: Message<'b>>(&mut self, id: SchemaId, body: &'b [u8]) -> Result<T, ResolveError> {
        match self.version(id) {
            Some(version) => Ok(avro::from_slice_of(version, body)?),
            None => self.read_foreign(id, body).await,
        }
    }

    /// As [`Resolver::read`] for a thread outside of the runtime, which has work with foreign ids only.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub fn read_blocking<'b, T: Message<'b>>(
        &mut self,
        runtime: &Handle,
        id: SchemaId,
        body: &'b [u8],
    ) -> Result<T, ResolveError> {
        match self.version(id) {
            Some(version) => Ok(avro::from_slice_of(version, body)?),
            None => runtime.block_on(self.read_foreign(id, body)),
        }
    }

    /// The published version with this id, counted from 1.
    fn version(&self, id: SchemaId) -> Option<usize> {
        // From the end: nearly all messages are of the newest version.
        self.published.versions.iter().rposition(|known| *known == id).map(|index| index + 1)
    }

    async fn read_foreign<'b, T: Message<'b>>(&mut self, id: SchemaId, body: &[u8]) -> Result<T, ResolveError> {
        let unreadable = |problem: String| ResolveError::Unreadable(format!("schema id {id}: {problem}"));
        let rewritten = self.rewriter(id).await?.rewrite(body).map_err(|e| unreadable(e.to_string()))?;
        T::owned_from_slice(&rewritten).map_err(|e| unreadable(e.to_string()))
    }

    async fn rewriter(&mut self, id: SchemaId) -> Result<Arc<Rewriter>, ResolveError> {
        if let Some(known) = self.foreign.get(&id) {
            return Ok(Arc::clone(known));
        }
        let later = |problem: String| ResolveError::Later { id, problem };
        let text = self.registry.schema(id).await.map_err(|e| later(e.to_string()))?;
        let Some(text) = text else { return Err(self.unknown(id)) };
        let rewriter = Rewriter::new(&text, self.schema.newest())
            .map_err(|e| ResolveError::Unreadable(format!("schema id {id}: {e}")))?;
        self.unknown_since.remove(&id);
        if self.foreign.len() >= MOST_FOREIGN {
            self.foreign.clear();
        }
        let rewriter = Arc::new(rewriter);
        self.foreign.insert(id, Arc::clone(&rewriter));
        Ok(rewriter)
    }

    fn unknown(&mut self, id: SchemaId) -> ResolveError {
        if self.unknown_since.len() >= MOST_FOREIGN {
            self.unknown_since.clear();
        }
        let waited = self.unknown_since.entry(id).or_insert_with(Instant::now).elapsed();
        let problem = format!("the registry does not know it (topic {})", self.schema.topic);
        if waited < self.patience {
            ResolveError::Later { id, problem }
        } else {
            ResolveError::Unreadable(format!("schema id {id}: {problem}, not even after {} s", waited.as_secs()))
        }
    }
}
