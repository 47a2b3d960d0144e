//! Apicurio Registry with its data in an H2 file: in memory it would hand out other ids after a restart.

use std::fs;
use std::time::Duration;

use super::{Site, java, loaded_classes};
use crate::home::{Home, make_folder};
use crate::process::Invocation;
use crate::{Error, Result};

pub(super) fn prepare(site: &Site, home: &Home) -> Result<Invocation> {
    let folder = home.download("apicurio")?;
    let jar = fs::read_dir(&folder)
        .map_err(Error::io(format!("reading {}", folder.display())))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with("-runner.jar"))
        .ok_or_else(|| Error::Missing { what: format!("{}/...-runner.jar", folder.display()) })?;
    let temporary = site.data.join("tmp");
    make_folder(&temporary)?;

    let mut arguments: Vec<_> = [
        "-Xms64m",
        "-Xmx384m",
        "-XX:+UseSerialGC",
        // The compiler that starts fast: a registry is asked once per schema.
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        "-Dquarkus.http.host=127.0.0.1",
    ]
    .map(Into::into)
    .into();
    arguments.extend(loaded_classes(home, site.kind));
    arguments.extend([
        format!("-Dquarkus.http.port={}", site.port).into(),
        // H2 writes what it has acknowledged half a second later, unless told otherwise.
        format!("-Dquarkus.datasource.jdbc.url=jdbc:h2:file:{}/registry;WRITE_DELAY=0", site.data.display()).into(),
        format!("-Djava.io.tmpdir={}", temporary.display()).into(),
        "-jar".into(),
        jar.into(),
    ]);
    Ok(Invocation { program: java()?, arguments, user: None })
}

/// Lists the subjects.
pub(super) async fn healthy(url: &str) -> std::result::Result<(), String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(3))
        .build()
        .map_err(|error| error.to_string())?;
    let answer = client.get(format!("{url}/subjects")).send().await.map_err(|error| error.to_string())?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("GET /subjects: {status}")),
    }
}
