//! `db migrate`.

use std::io::Write as _;

use crate::{
    Outcome,
    cli::Db,
    output::{Out, spinner},
    settings::Settings,
};

pub(crate) async fn run(command: Db, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let Db::Migrate = command;
    let waiting = spinner("migrating the database");
    let applied = provision::db_migrate(&settings.postgres.url).await;
    waiting.finish_and_clear();
    let applied = applied?;
    if out.json {
        out.json(&applied)?;
    } else if applied.is_empty() {
        writeln!(out, "the tables are up to date")?;
    } else {
        for migration in &applied {
            writeln!(out, "applied {migration}")?;
        }
    }
    out.flush()?;
    Ok(Outcome::Fine)
}
