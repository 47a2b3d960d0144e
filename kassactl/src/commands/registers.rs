//! `registers enrol`, `revoke`, `reinstate`, `list`.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Instant,
};

use anyhow::Context as _;
use provision::{Change, Enrolled, Enrolment, Entry, rows};
use serde::Serialize;

use crate::{
    Outcome,
    cli::{Enrol, List, Registers, Reinstate, Revoke},
    output::{Out, grouped, spinner},
    settings::Settings,
};

pub(crate) async fn run(command: Registers, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    match command {
        Registers::Enrol(Enrol { csv: Some(file), out: tokens, lowest_key_version, .. }) => {
            enrol_file(&file, tokens.as_deref(), lowest_key_version, settings, out).await
        }
        Registers::Enrol(arguments) => enrol_one(arguments, settings, out).await,
        Registers::Revoke(Revoke { registers }) => {
            let changes = registers.into_iter().map(|id| Change::Revoke { tenant: id.tenant, register: id.register });
            change(changes.collect(), settings, out).await
        }
        Registers::Reinstate(Reinstate { registers, lowest_key_version }) => {
            let changes = registers.into_iter().map(|id| Change::Reinstate {
                tenant: id.tenant,
                register: id.register,
                lowest_key_version,
            });
            change(changes.collect(), settings, out).await
        }
        Registers::List(List { tenant }) => list(tenant.as_deref(), settings, out).await,
    }
}

/// An entry as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    tenant: &'a str,
    register: &'a str,
    shop: &'a str,
    time_zone: &'a str,
    families: Vec<&'a str>,
    devices: Vec<&'a str>,
    keeps_personal_data: bool,
    lowest_key_version: i32,
    status: &'static str,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a Entry, token: Option<&'a str>) -> Self {
        Self {
            tenant: &entry.tenant,
            register: &entry.register,
            shop: &entry.shop,
            time_zone: &entry.time_zone,
            families: texts(&entry.families),
            devices: texts(&entry.devices),
            keeps_personal_data: entry.keeps_personal_data,
            lowest_key_version: entry.lowest_key_version,
            status: entry.status.symbol(),
            updated_at: time(entry),
            token,
        }
    }
}

pub(super) fn texts<'a>(list: &'a [Cow<'_, str>]) -> Vec<&'a str> {
    list.iter().map(|text| &**text).collect()
}

pub(super) fn time(entry: &Entry) -> String {
    let micros = entry.updated_at.0;
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| format!("{time:.0}"))
}

async fn enrol_one(arguments: Enrol, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let keys = settings.token_keys()?;
    // The command line makes sure that they are there.
    let (Some(id), Some(shop), Some(time_zone)) = (arguments.register, arguments.shop, arguments.time_zone) else {
        anyhow::bail!("a register, its shop and its time zone are needed");
    };
    let enrolment = Enrolment {
        tenant: id.tenant,
        register: id.register,
        shop,
        time_zone,
        families: arguments.families,
        devices: arguments.devices,
        keeps_personal_data: arguments.keep_personal_data,
    };
    let enrolled = settings.installation()?.registers_enrol(&keys, &[enrolment], arguments.lowest_key_version).await?;
    for Enrolled { entry, token } in &enrolled {
        if out.json {
            out.json(&Shown::new(entry, Some(token)))?;
            continue;
        }
        // Standard output has nothing but the token, for `TOKEN=$(kassactl registers enrol ...)`.
        let families = Shown::new(entry, None).families.join(", ");
        let Entry { tenant, register, shop, time_zone, .. } = entry;
        eprintln!("{tenant}/{register} is enrolled: shop {shop}, {time_zone}, {families}. Its token, a secret:");
        writeln!(out, "{token}")?;
        out.flush()?;
    }
    Ok(Outcome::Fine)
}

async fn enrol_file(
    file: &Path,
    tokens: Option<&Path>,
    lowest_key_version: Option<i32>,
    settings: &Settings,
    mut out: Out,
) -> anyhow::Result<Outcome> {
    let keys = settings.token_keys()?;
    let enrolments = if file == Path::new("-") {
        rows::read(io::stdin().lock())
    } else {
        rows::read(File::open(file).with_context(|| file.display().to_string())?)
    };
    let enrolments = enrolments.with_context(|| file.display().to_string())?;
    // Before anything is written: a place for the tokens that cannot be written to is known at once.
    let tokens = tokens.map(|path| secret_file(path).with_context(|| path.display().to_string())).transpose()?;
    let begun = Instant::now();
    let count = i64::try_from(enrolments.len()).unwrap_or(i64::MAX);
    let waiting = spinner(format!("enrolling {} registers", grouped(count)));
    let enrolled = settings.installation()?.registers_enrol(&keys, &enrolments, lowest_key_version).await;
    waiting.finish_and_clear();
    let enrolled = enrolled?;
    let json = out.json;
    match tokens {
        Some(mut file) => write_tokens(&mut file, &enrolled, json)?,
        None => write_tokens(&mut out, &enrolled, json)?,
    }
    eprintln!("{} registers are enrolled ({:.1} s)", grouped(count), begun.elapsed().as_secs_f64());
    Ok(Outcome::Fine)
}

fn write_tokens(out: &mut impl Write, enrolled: &[Enrolled], json: bool) -> anyhow::Result<()> {
    if json {
        let shown: Vec<Shown<'_>> = enrolled.iter().map(|one| Shown::new(&one.entry, Some(&one.token))).collect();
        serde_json::to_writer(&mut *out, &shown).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        rows::write_tokens(&mut *out, enrolled)?;
    }
    Ok(out.flush()?)
}

/// A file that only its owner can read, also if it was there before.
fn secret_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

async fn change(changes: Vec<Change>, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    let entries = settings.installation()?.registers_change(&changes).await?;
    show(&entries, out)
}

async fn list(tenant: Option<&str>, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    let mut entries = settings.installation()?.registers_list().await?;
    entries.retain(|entry| tenant.is_none_or(|tenant| entry.tenant == tenant));
    show(&entries, out)
}

fn show(entries: &[Entry], mut out: Out) -> anyhow::Result<Outcome> {
    if out.json {
        out.json(&entries.iter().map(|entry| Shown::new(entry, None)).collect::<Vec<_>>())?;
        return Ok(Outcome::Fine);
    }
    let rows = entries.iter().map(|entry| {
        let shown = Shown::new(entry, None);
        [
            format!("{}/{}", entry.tenant, entry.register),
            shown.status.to_lowercase(),
            entry.shop.to_string(),
            entry.time_zone.to_string(),
            shown.families.join(", "),
            shown.devices.join(", "),
            entry.lowest_key_version.to_string(),
            shown.updated_at,
        ]
    });
    let header = ["register", "status", "shop", "time zone", "families", "devices", "lowest key version", "changed"];
    out.table(header, rows)?;
    Ok(Outcome::Fine)
}
