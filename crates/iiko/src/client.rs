//! The calls of one login.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

use crate::{
    error::{Error, StopCause},
    login::{Login, Tokens},
    model,
    stop_list::OrganizationStopLists,
    transport::{Call, Transport},
};

/// A restaurant or a chain's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id at iiko.
    pub id: Uuid,
    /// Its name; empty when iiko has none.
    pub name: String,
}

/// A group of terminals that share a kitchen and so a stop list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalGroup {
    /// Its id at iiko.
    pub id: Uuid,
    /// The organisation that it belongs to.
    pub organization_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its time zone, an IANA name.
    pub time_zone: String,
}

/// The terminal groups of some organisations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalGroups {
    /// Those in use.
    pub awake: Vec<TerminalGroup>,
    /// Those that iiko has put to sleep because nobody uses them.
    pub asleep: Vec<TerminalGroup>,
}

/// One login. Clones share its token.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    tokens: Arc<Tokens>,
}

impl Client {
    /// A login on a transport. Nothing is sent before the first call.
    #[must_use]
    pub fn new(transport: Transport, login: Login) -> Self {
        Self { transport, tokens: Arc::new(Tokens::new(login)) }
    }

    /// All organisations that the login may see.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn organizations(&self) -> Result<Vec<Organization>, Error> {
        let body = json!({ "returnAdditionalInfo": false, "includeDisabled": false });
        model::organizations(&self.post("/api/1/organizations", &body).await?)
    }

    /// The terminal groups of organisations.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn terminal_groups(&self, organization_ids: &[Uuid]) -> Result<TerminalGroups, Error> {
        let body = json!({ "organizationIds": organization_ids });
        model::terminal_groups(&self.post("/api/1/terminal_groups", &body).await?)
    }

    /// The stop lists of all terminal groups of one organisation. `None` when the answer leaves the
    /// organisation out, which says nothing about its lists. A group that the answer leaves out has
    /// an empty list; the call never names groups, so that this holds.
    ///
    /// # Errors
    /// See [`Error`]. An answer that is not whole is an error, never a shorter list.
    pub async fn stop_lists(&self, organization_id: Uuid) -> Result<Option<OrganizationStopLists>, Error> {
        let body = json!({ "organizationIds": [organization_id], "returnSize": true });
        model::stop_lists(&self.post("/api/1/stop_lists", &body).await?, organization_id)
    }

    /// Sends a call with the login's token. A token that iiko refuses is replaced once, and the
    /// call repeated once: a token may end early, but one that never works must not become a storm.
    async fn post(&self, path: &'static str, body: &serde_json::Value) -> Result<Bytes, Error> {
        let call = Call::new(path, body);
        let token = self.tokens.get(&self.transport, None).await?;
        match self.transport.send(call.with_token(Arc::clone(&token))).await {
            Err(Error::StopLogin { cause: StopCause::Unauthorized, .. }) => {
                let fresh = self.tokens.get(&self.transport, Some(&token)).await?;
                self.transport.send(call.with_token(fresh)).await
            }
            result => result,
        }
    }
}
