//! `schemas apply`, `schemas check`.

use schemas::{
    TOPIC_SCHEMAS, TopicSchema,
    registry::{RegistryError, SchemaIds},
    wire::SchemaId,
};
use serde::Serialize;

use crate::{
    Outcome,
    cli::Schemas,
    output::{Out, spinner},
    settings::Settings,
};

pub(crate) async fn run(command: Schemas, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    match command {
        Schemas::Apply => apply(settings, out).await,
        Schemas::Check => check(settings, out).await,
    }
}

#[derive(Serialize)]
struct Subject {
    subject: String,
    versions: usize,
    /// The newest version's; `None` where the registry does not have it.
    id: Option<SchemaId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

async fn apply(settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let installation = settings.installation()?;
    let waiting = spinner("registering schemas");
    let applied = installation.schemas_apply().await;
    waiting.finish_and_clear();
    let subjects =
        applied?.into_iter().map(|(topic, ids)| well(installation.registry().subject(topic), &ids)).collect();
    show(subjects, &mut out)
}

async fn check(settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let installation = settings.installation()?;
    let registry = installation.registry();
    let mut subjects = Vec::new();
    let mut missing = false;
    for schema in TOPIC_SCHEMAS {
        let subject = registry.subject(schema.topic);
        subjects.push(match registry.ids(schema.topic).await {
            Ok(ids) => well(subject, &ids),
            Err(RegistryError::NotRegistered { version, .. }) => {
                missing = true;
                unwell(subject, schema, format!("version {version} is missing"))
            }
            Err(RegistryError::Different { version, .. }) => {
                unwell(subject, schema, format!("version {version} is another schema than this program was built with"))
            }
            Err(error) => return Err(error.into()),
        });
    }
    let outcome = show(subjects, &mut out)?;
    if missing && !out.json {
        eprintln!("`kassactl schemas apply` registers what is missing");
    }
    Ok(outcome)
}

fn unwell(subject: String, schema: &TopicSchema, problem: String) -> Subject {
    Subject { subject, versions: schema.versions.len(), id: None, problem: Some(problem) }
}

fn well(subject: String, ids: &SchemaIds) -> Subject {
    Subject { subject, versions: ids.versions.len(), id: Some(ids.newest), problem: None }
}

fn show(subjects: Vec<Subject>, out: &mut Out) -> anyhow::Result<Outcome> {
    let outcome =
        if subjects.iter().all(|subject| subject.problem.is_none()) { Outcome::Fine } else { Outcome::Problems };
    if out.json {
        out.json(&subjects)?;
        return Ok(outcome);
    }
    let rows = subjects.into_iter().map(|subject| {
        let id = subject.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        [subject.subject, subject.versions.to_string(), id, subject.problem.unwrap_or_else(|| "well".to_owned())]
    });
    out.table(["subject", "versions", "id", "state"], rows)?;
    Ok(outcome)
}
