//! Logins, and the token of a login.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    error::{Error, Trouble},
    transport::{Call, Transport},
};

/// How long iiko's tokens live; assumed when a token does not say it.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// The credentials of one login. Its `Debug` form shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Version 1, deprecated by iiko but widely in use: one secret word.
    ApiLogin(String),
    /// Version 2: a registered application with the restaurant's key.
    Application {
        /// The restaurant's key.
        api_key: String,
        /// The application.
        app_id: Uuid,
        /// The application's secret.
        client_secret: String,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiLogin(_) => f.write_str("ApiLogin(secret)"),
            Self::Application { app_id, .. } => write!(f, "Application({app_id})"),
        }
    }
}

impl Login {
    fn request(&self) -> Call {
        match self {
            Self::ApiLogin(api_login) => {
                Call::new("/api/1/access_token", &serde_json::json!({ "apiLogin": api_login }))
            }
            Self::Application { api_key, app_id, client_secret } => {
                let body = serde_json::json!({ "apiKey": api_key, "appId": app_id, "clientSecret": client_secret });
                Call::new("/api/v2/access_token", &body)
            }
        }
    }
}

/// The present token of one login: fetched by one caller for all, renewed before it ends.
#[derive(Debug)]
pub(crate) struct Tokens {
    login: Login,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// The last failure, shared with those who waited for it: else each of them would try again in
    /// turn, and a login that iiko refuses would be hammered.
    failure: Option<(Instant, Error)>,
}

#[derive(Debug)]
struct Token {
    text: Arc<str>,
    renew_at: Instant,
}

impl Tokens {
    pub(crate) fn new(login: Login) -> Self {
        Self { login, state: Mutex::default() }
    }

    /// A token that is not `refused`, which is one that iiko has just answered with 401.
    pub(crate) async fn get(&self, transport: &Transport, refused: Option<&Arc<str>>) -> Result<Arc<str>, Error> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && token.renew_at > Instant::now()
            && refused.is_none_or(|refused| !Arc::ptr_eq(refused, &token.text))
        {
            return Ok(Arc::clone(&token.text));
        }
        if let Some((failed_at, error)) = &state.failure
            && *failed_at >= asked_at
        {
            return Err(error.clone());
        }
        match self.fetch(transport).await {
            Ok(token) => {
                let text = Arc::clone(&token.text);
                *state = State { token: Some(token), failure: None };
                Ok(text)
            }
            Err(error) => {
                *state = State { token: None, failure: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }

    async fn fetch(&self, transport: &Transport) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
        }
        let asked_at = Instant::now();
        let body = transport.send(self.login.request()).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|e| Error::later(Trouble::Malformed, format!("access_token: {e}")))?;
        if answer.token.is_empty() || !answer.token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::later(Trouble::Malformed, "access_token: the token cannot go into a header"));
        }
        // Renewed after nine tenths of its life, so that no call meets its end.
        let life = life(&answer.token, SystemTime::now()) / 10 * 9;
        Ok(Token { text: answer.token.into(), renew_at: asked_at + life })
    }
}

/// How long a token lives from now on. One that does not say it, or that has ended by our clock
/// (which may be wrong, since iiko has just made it), gets the documented hour; a 401 corrects it.
fn life(token: &str, now: SystemTime) -> Duration {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Option<Claims> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    claims
        .and_then(|claims| Duration::try_from_secs_f64(claims.exp).ok())
        .and_then(|end| end.checked_sub(now))
        .filter(|life| !life.is_zero())
        .map_or(TOKEN_LIFE, |life| life.min(TOKEN_LIFE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_token_is_read_from_it() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(life(&token(r#"{"exp":1000600,"sub":"x"}"#), now), Duration::from_secs(600));
        assert_eq!(life(&token(r#"{"exp":1000600.5}"#), now), Duration::from_millis(600_500));
        assert_eq!(life(&token(r#"{"exp":9000000}"#), now), TOKEN_LIFE, "iiko's hour is the bound");
        for unsaid in
            [token(r#"{"exp":5}"#), token(r#"{"exp":-5}"#), token("{}"), "opaque".to_owned(), "a.!.c".to_owned()]
        {
            assert_eq!(life(&unsaid, now), TOKEN_LIFE, "{unsaid}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let login =
            Login::Application { api_key: "key-1".into(), app_id: Uuid::nil(), client_secret: "secret-1".into() };
        let shown = format!("{login:?} {:?}", Login::ApiLogin("word-1".into()));
        assert!(!["key-1", "secret-1", "word-1"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
