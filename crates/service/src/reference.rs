//! The reference page of a service's settings, made from the settings themselves.

use std::fmt::Write as _;

use confique::{
    Config,
    meta::{Expr, FieldKind, LeafKind, Meta},
};

/// A Markdown table of every setting of one service.
#[must_use]
pub fn markdown<S: Config>(service: &str) -> String {
    let mut page =
        format!("## {service}\n\n| setting | environment variable | default | meaning |\n|---|---|---|---|\n");
    rows(&S::META, "", &mut page);
    page
}

fn rows(meta: &Meta, path: &str, page: &mut String) {
    for field in meta.fields {
        let name = format!("{path}{}", field.name);
        match &field.kind {
            FieldKind::Nested { meta } => rows(meta, &format!("{name}."), page),
            FieldKind::Leaf { env, kind } => {
                let default = match kind {
                    LeafKind::Optional => "not set".to_owned(),
                    LeafKind::Required { default: None } => "**required**".to_owned(),
                    LeafKind::Required { default: Some(value) } => format!("`{}`", shown(value)),
                };
                let meaning = field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
                let variable = env.map_or_else(String::new, |env| format!("`{env}`"));
                // Writing into a String cannot fail.
                let _: std::fmt::Result = writeln!(page, "| `{name}` | {variable} | {default} | {meaning} |");
            }
        }
    }
}

fn shown(value: &Expr) -> String {
    match value {
        Expr::Str("") => "\"\"".to_owned(),
        Expr::Str(text) => (*text).to_owned(),
        Expr::Float(number) => number.to_string(),
        Expr::Integer(number) => number.to_string(),
        Expr::Bool(truth) => truth.to_string(),
        Expr::Array(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_shows_variable_default_and_meaning() {
        let page = super::markdown::<crate::settings::Common>("hub-ingest");
        assert!(
            page.contains(
                "| `log_format` | `KASSAFLOW_LOG_FORMAT` | `json` | `json` for machines, `human` for a terminal. |"
            ),
            "{page}"
        );
    }
}
