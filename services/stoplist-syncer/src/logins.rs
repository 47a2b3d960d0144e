//! The file of logins. It holds secrets, so no error shows a line of it.

use std::path::Path;

use iiko::Login;
use serde::Deserialize;
use uuid::Uuid;

/// A login and whom it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tenant; everything that the login reads is this tenant's.
    pub tenant: String,
    /// Its credentials.
    pub login: Login,
}

/// Why the file of logins is unusable. The service must not start.
#[derive(Debug, thiserror::Error)]
pub enum LoginsError {
    /// It cannot be read.
    #[error("the file of logins {file}: {problem}")]
    Unreadable {
        /// Its path.
        file: String,
        /// What the system said.
        problem: std::io::Error,
    },
    /// It is not TOML of the expected form.
    #[error("the file of logins, line {line}: {problem}")]
    Form {
        /// Where.
        line: usize,
        /// What is wrong there, without the text of the file.
        problem: String,
    },
    /// An entry is wrong; entries are counted from 1.
    #[error("the file of logins, entry {entry}: {problem}")]
    Entry {
        /// Which one.
        entry: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is nothing in it.
    #[error("the file of logins has no [[login]]")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    login: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    tenant: String,
    api_login: Option<String>,
    api_key: Option<String>,
    app_id: Option<Uuid>,
    client_secret: Option<String>,
}

/// Reads the file.
///
/// # Errors
/// See [`LoginsError`].
pub fn read(file: &Path) -> Result<Vec<Entry>, LoginsError> {
    let unreadable = |problem| LoginsError::Unreadable { file: file.display().to_string(), problem };
    parse(&std::fs::read_to_string(file).map_err(unreadable)?)
}

/// Reads the file's text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Vec<Entry>, LoginsError> {
    let form = |e: toml::de::Error| {
        let begin = e.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..begin].iter().filter(|b| **b == b'\n').count() + 1;
        LoginsError::Form { line, problem: shape_only(e.message()) }
    };
    let file: File = toml::from_str(text).map_err(form)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(file.login.len());
    for (index, raw) in file.login.into_iter().enumerate() {
        let wrong = |problem| LoginsError::Entry { entry: index + 1, problem };
        let entry = entry(raw).map_err(wrong)?;
        if entries.iter().any(|other| other.login == entry.login) {
            return Err(wrong("this login stands in the file twice"));
        }
        entries.push(entry);
    }
    if entries.is_empty() { Err(LoginsError::Empty) } else { Ok(entries) }
}

/// A message without what it quotes from the file: a value of the wrong type is quoted with its text.
fn shape_only(message: &str) -> String {
    message.split('"').step_by(2).collect::<Vec<_>>().join("(...)")
}

fn entry(raw: Raw) -> Result<Entry, &'static str> {
    if !canonical::is_id(&raw.tenant) {
        return Err("a tenant is lower-case letters, digits and hyphens, at most 63");
    }
    let login = match raw {
        Raw { api_login: Some(word), api_key: None, app_id: None, client_secret: None, .. } => Login::ApiLogin(word),
        Raw {
            api_login: None,
            api_key: Some(api_key),
            app_id: Some(app_id),
            client_secret: Some(client_secret),
            ..
        } => Login::Application { api_key, app_id, client_secret },
        _ => return Err("it needs either api_login, or api_key, app_id and client_secret"),
    };
    Ok(Entry { tenant: raw.tenant, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_a_login_are_read() {
        let text = r#"
            [[login]]
            tenant = "acme"
            api_login = "word-1"

            [[login]]
            tenant = "kafe-2"
            api_key = "key-2"
            app_id = "0a0b0c0d-0000-4000-8000-000000000001"
            client_secret = "secret-2"
        "#;
        let entries = parse(text).unwrap();
        assert_eq!(entries[0], Entry { tenant: "acme".into(), login: Login::ApiLogin("word-1".into()) });
        assert_eq!(entries[1].tenant, "kafe-2");
        assert!(
            matches!(&entries[1].login, Login::Application { api_key, client_secret, .. } if api_key == "key-2" && client_secret == "secret-2")
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_without_secrets() {
        let told = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(told(""), "the file of logins has no [[login]]");
        for (text, expected) in [
            ("[[login]]\ntenant = \"acme\"\n", "entry 1: it needs either"),
            ("[[login]]\ntenant = \"Acme\"\napi_login = \"word-1\"\n", "entry 1: a tenant"),
            ("[[login]]\ntenant = \"a\"\napi_login = \"word-1\"\napi_key = \"word-1\"\n", "entry 1: it needs either"),
            (
                "[[login]]\ntenant = \"a\"\napi_login = \"word-1\"\n[[login]]\ntenant = \"b\"\napi_login = \"word-1\"\n",
                "entry 2: this login",
            ),
            ("[[login]]\ntenant = \"a\"\napi_login = \"word-1\n", "line 3: "),
            ("[[login]]\ntenant = \"a\"\napi_logn = \"word-1\"\n", "line 3: unknown field"),
            ("[[login]]\ntenant = \"a\"\napp_id = \"word-1\"\n", "line 3: "),
            ("[[login]]\ntenant = \"a\"\napi_login = [\"word-1\"]\n", "line 3: invalid type"),
            ("login = \"word-1\"\n", "line 1: invalid type"),
        ] {
            let told = told(text);
            assert!(told.contains(expected), "{told}");
            assert!(!told.contains("word-1"), "{told}");
        }
    }
}
