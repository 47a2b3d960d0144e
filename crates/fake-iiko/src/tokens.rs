//! Tokens in the shape of a JWT. The signature is random: only the fake itself checks them.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{APP_ID, CLIENT_SECRET, Scenario};

#[derive(Debug)]
pub(crate) struct Tokens {
    logins: Vec<String>,
    life: Duration,
    given: HashMap<String, (usize, Instant)>,
}

impl Tokens {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self { logins: scenario.logins.clone(), life: scenario.token_life, given: HashMap::new() }
    }

    /// The login that the body of a token request names, or `None` when its credentials are wrong.
    pub(crate) fn login(&self, version: u8, body: &Value) -> Option<usize> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let name = match version {
            1 => text("apiLogin")?,
            _ => {
                let app_id: Uuid = text("appId")?.parse().ok()?;
                let known = app_id == APP_ID && text("clientSecret") == Some(CLIENT_SECRET);
                known.then(|| text("apiKey")).flatten()?
            }
        };
        self.logins.iter().position(|login| login == name)
    }

    /// A new token for a login.
    pub(crate) fn give(&mut self, login: usize) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = json!({ "iat": now.as_secs(), "exp": (now + self.life).as_secs(), "jti": Uuid::new_v4() });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let signature = URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
        let token = format!("{}.{}.{signature}", part(&header), part(&claims));
        self.given.retain(|_, (_, end)| *end > Instant::now());
        self.given.insert(token.clone(), (login, Instant::now() + self.life));
        token
    }

    /// The login of a token that is known and has not ended.
    pub(crate) fn check(&self, token: &str) -> Option<usize> {
        self.given.get(token).filter(|(_, end)| *end > Instant::now()).map(|(login, _)| *login)
    }

    pub(crate) fn revoke_all(&mut self) {
        self.given.clear();
    }
}
