//! The reference page of a service's settings, made from the settings themselves.

use std::fmt::Write as _;

use confique::{
    Config,
    meta::{Expr, Field, FieldKind, LeafKind},
};

/// A Markdown table of every setting of one service.
#[must_use]
pub fn markdown<S: Config>(service: &str) -> String {
    let mut page =
        format!("## {service}\n\n| setting | environment variable | default | meaning |\n|---|---|---|---|\n");
    for Leaf { path, env, kind, doc } in leaves(S::META.fields, "") {
        let default = match kind {
            LeafKind::Optional => "not set".to_owned(),
            LeafKind::Required { default: None } => "**required**".to_owned(),
            LeafKind::Required { default: Some(value) } => format!("`{}`", shown(value)),
        };
        let meaning = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let variable = env.map_or_else(String::new, |env| format!("`{env}`"));
        // Writing into a String cannot fail.
        let _: std::fmt::Result = writeln!(page, "| `{path}` | {variable} | {default} | {meaning} |");
    }
    page
}

/// A setting.
pub(crate) struct Leaf {
    /// As a file names it, with its table: `kafka.brokers`.
    pub path: String,
    /// Its environment variable.
    pub env: Option<&'static str>,
    kind: &'static LeafKind,
    doc: &'static [&'static str],
}

/// Every setting of these fields, in their order; `path` stands before their names.
pub(crate) fn leaves(fields: &'static [Field], path: &str) -> Vec<Leaf> {
    let of = |field: &'static Field| {
        let path = format!("{path}{}", field.name);
        match &field.kind {
            FieldKind::Nested { meta } => leaves(meta.fields, &format!("{path}.")),
            FieldKind::Leaf { env, kind } => vec![Leaf { path, env: *env, kind, doc: field.doc }],
        }
    };
    fields.iter().flat_map(of).collect()
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
