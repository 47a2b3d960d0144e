//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand};
use provision::SourceId;

const ABOUT: &str = "Operates a kassaflow installation: provisions it, enrols registers, shows what flows through it.";

const AFTER: &str = "\
Where the servers are: the file named by --config or KASSAFLOW_CONFIG, and over it the same KASSAFLOW_ variables \
that the services take. Where nothing names a server, the local servers of `kassactl up` are used.

Exit status: 0 done; 1 failed, was refused, or found problems; 2 the command line or a setting cannot be understood.";

/// The command line as it was given.
#[derive(Debug, Parser)]
#[command(name = "kassactl", version, about = ABOUT, after_help = AFTER, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// TOML file with settings; environment variables win over it
    #[arg(long, env = "KASSAFLOW_CONFIG", hide_env_values = true, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Write JSON for scripts instead of tables for people
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the local servers (Kafka, schema registry, MongoDB, PostgreSQL); they run until `down`
    Up,
    /// Stop the local servers; their data stay
    Down,
    /// Show the local servers; exit status 1 if one is not well
    Status,
    /// Run a command with new local servers of its own, named by the KASSAFLOW_TEST_ variables
    WithServers(WithServers),
    /// Create and list the topics of the catalogue
    #[command(subcommand)]
    Topics(Topics),
    /// Register and check the schemas of the topics
    #[command(subcommand)]
    Schemas(Schemas),
    /// Bring the tables in PostgreSQL up to date
    #[command(subcommand)]
    Db(Db),
    /// Enrol, revoke and list registers
    #[command(subcommand)]
    Registers(Registers),
    /// Add, renew and revoke the tokens of sources: clouds and back offices that send for many registers
    #[command(subcommand)]
    Sources(Sources),
    /// Send a file of documents to the hub, as a register would, and show its verdicts
    Send(Send),
    /// Show what the documents of a file would become; needs no server
    Decode(Decode),
    /// List the formats that are read: their versions, what they carry, and a line to try each
    Formats,
    /// Show the records of a topic, decoded
    Tap(Tap),
    /// Show how far each consumer group is behind
    Lag,
    /// List and inspect the documents that no stage could use
    #[command(subcommand)]
    DeadLetters(DeadLetters),
}

#[derive(Debug, Args)]
#[command(after_help = "Example: kassactl with-servers -- cargo test --workspace

The servers listen on free ports of 127.0.0.1 and end with the command. The exit status is the command's.")]
pub(crate) struct WithServers {
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Topics {
    /// Create the missing topics, and give each consumer group its first offsets
    Apply(TopicsApply),
    /// Show every topic of the catalogue, and whether it exists
    List,
}

#[derive(Debug, Args)]
pub(crate) struct TopicsApply {
    /// Copies of each partition; without it the brokers' own default. Use 3 where there are 3 brokers
    #[arg(long, env = "KASSAFLOW_TOPIC_REPLICATION", value_name = "N", value_parser = clap::value_parser!(i32).range(1..=32767))]
    pub replication: Option<i32>,
    /// Give no topic more partitions than this, for small machines. The number can never be changed later
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub max_partitions: Option<i32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schemas {
    /// Register every version of every topic's schema
    Apply,
    /// Compare the registry with what this program was built with; exit status 1 if they differ
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Apply the migrations that the database has not seen
    Migrate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Registers {
    /// Make registers known and print their tokens
    Enrol(Enrol),
    /// Refuse everything that these registers send from now on
    Revoke(Revoke),
    /// End the revocation of registers
    Reinstate(Reinstate),
    /// Show the directory of registers
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kassactl registers enrol acme/till-7 --shop shop-1 --time-zone Europe/Moscow --families dreamkas
  kassactl registers enrol --csv registers.csv --out tokens.csv

The CSV file has the columns tenant,register,shop,time_zone,families, and may have devices and keeps_personal_data \
(true or false); several families or devices are separated by spaces. All of its registers are enrolled, or none. \
Enrolling again changes everything but the lowest key version and prints the same token again.")]
pub(crate) struct Enrol {
    /// The register
    #[arg(value_name = "TENANT/REGISTER", required_unless_present = "csv", conflicts_with = "csv", value_parser = register_id)]
    pub register: Option<RegisterId>,
    /// Shop that it stands in
    #[arg(long, required_unless_present = "csv", conflicts_with = "csv")]
    pub shop: Option<String>,
    /// IANA name of its clock's time zone, such as Europe/Moscow
    #[arg(long, required_unless_present = "csv", conflicts_with = "csv")]
    pub time_zone: Option<String>,
    /// Formats that it sends, separated by commas. The first is its primary source: documents without a fiscal identity
    /// count only from there
    #[arg(long, required_unless_present = "csv", conflicts_with = "csv", value_delimiter = ',')]
    pub families: Vec<String>,
    /// Ids by which documents of clouds and back offices name the register, separated by commas: a vendor's device id,
    /// the number of its fiscal drive
    #[arg(long, conflicts_with = "csv", value_delimiter = ',')]
    pub devices: Vec<String>,
    /// Keep the buyer's contact, name and taxpayer number in its receipts
    #[arg(long, conflicts_with = "csv")]
    pub keep_personal_data: bool,
    /// Enrol all registers of this CSV file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write the tokens as CSV to this file, readable by its owner only, instead of standard output
    #[arg(long, value_name = "FILE", requires = "csv")]
    pub out: Option<PathBuf>,
    /// Refuse tokens of lower key versions from now on; it never falls
    #[arg(long, value_name = "N")]
    pub lowest_key_version: Option<i32>,
}

#[derive(Debug, Subcommand)]
#[command(
    after_help = "A source sends for many registers of its tenant; its documents name each register by one of the \
devices that it was enrolled with.

Examples:
  kassactl sources add acme/evotor-cloud --families evotor
  kassactl sources rotate acme/evotor-cloud
  kassactl sources list"
)]
pub(crate) enum Sources {
    /// Make a source known and print its token, which nobody can show again
    Add(AddSource),
    /// Print a new token; the one before it stays valid until the next time
    Rotate(OneSource),
    /// Refuse everything that the source sends from now on
    Revoke(OneSource),
    /// Show the sources
    List,
}

#[derive(Debug, Args)]
pub(crate) struct AddSource {
    #[command(flatten)]
    pub id: OneSource,
    /// Formats that it sends, separated by commas; with only one it need not name its format
    #[arg(long, required = true, value_delimiter = ',')]
    pub families: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OneSource {
    /// The source
    #[arg(value_name = "TENANT/SOURCE", value_parser = source_id)]
    pub source: SourceId,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The registers
    #[arg(value_name = "TENANT/REGISTER", required = true, value_parser = register_id)]
    pub registers: Vec<RegisterId>,
}

#[derive(Debug, Args)]
pub(crate) struct Reinstate {
    /// The registers
    #[arg(value_name = "TENANT/REGISTER", required = true, value_parser = register_id)]
    pub registers: Vec<RegisterId>,
    /// Keep refusing tokens of lower key versions; without it the old token is valid again
    #[arg(long, value_name = "N")]
    pub lowest_key_version: Option<i32>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only registers of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kassactl send examples/dreamkas-receipt.json --token \"$TOKEN\"
  kassactl send examples/ffd-tlv-receipt.hex --register acme/till-7

Without --format the one format that reads the file's first document is taken. A .hex file is sent as the bytes that \
it spells. Without --token one is made with KASSAFLOW_TOKEN_KEYS. The exit status is 0 if \
every document was accepted.")]
#[command(group(ArgGroup::new("sender").required(true).multiple(true).args(["register", "token"])))]
pub(crate) struct Send {
    /// The documents
    pub file: PathBuf,
    /// The register that sends; without it the token's. Its tenant is needed where there is no token
    #[arg(long, value_name = "[TENANT/]REGISTER", value_parser = sender_id)]
    pub register: Option<SenderId>,
    /// Format of the documents, as `kassactl formats` lists them
    #[arg(long, value_parser = format)]
    pub format: Option<String>,
    /// Id of the one document in the file, for formats whose documents name neither a number nor a time
    #[arg(long, value_name = "ID")]
    pub document_id: Option<String>,
    /// The register's token
    #[arg(long, env = "KASSAFLOW_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// URL of the hub; without it KASSAFLOW_HUB_URL or http://127.0.0.1:8080
    #[arg(long)]
    pub url: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kassactl decode examples/dreamkas-receipt.json
  kassactl decode examples/dreamkas-receipt.json --paths
  kassactl decode sales.txt --format frontol --time-zone Asia/Yekaterinburg --json | jq .value.total_kopecks

Without --format the one format that reads the file's first document is taken. A .hex file is read as the bytes that it \
spells. In JSON each value has its path always, under `paths`. Tenant and register in the ids are `tenant` and `register`. The exit status is 0 if every document became a \
receipt, a shift or an event.")]
pub(crate) struct Decode {
    /// The documents
    pub file: PathBuf,
    /// Format of the documents, as `kassactl formats` lists them
    #[arg(long, value_parser = format)]
    pub format: Option<String>,
    /// Show beside each value where it stands in the document
    #[arg(long)]
    pub paths: bool,
    /// Shop of the register, for the keys of products
    #[arg(long)]
    pub shop: Option<String>,
    /// IANA name of the register's time zone, such as Europe/Moscow
    #[arg(long, value_parser = time_zone)]
    pub time_zone: Option<String>,
    /// Id of the one document in the file, for formats whose documents name neither a number nor a time
    #[arg(long, value_name = "ID")]
    pub document_id: Option<String>,
    /// Show the buyer's contact, name and taxpayer number, as for a tenant that keeps them
    #[arg(long)]
    pub keep_personal_data: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kassactl tap registers.receipts.v1 --from 1
  kassactl tap registers.receipts.v1 --filter хлеб --json | jq .value.total_kopecks
  kassactl tap registers.receipts.v1 --filter key=acme/till-7 --filter operation=SELL_RETURN
  kassactl tap registers.dead-letters.v1 --follow --filter invalid

A filter KEY=VALUE asks for a field anywhere in the record (`cashier_name=...`, `items.name=...`) whose whole value that \
is, or for `key`, `partition`, `offset`; any other filter is text that the record or its key contains, in any case. Several filters must \
all hold. In JSON, fields that are null are left out, times are RFC 3339, decimals are strings, and bytes are text, or \
hex after `hex:` where they are no text.")]
pub(crate) struct Tap {
    /// Topic, without the installation's prefix
    pub topic: String,
    /// Where to begin: `beginning`, `end` (implies --follow), or so many records before the end of each partition
    #[arg(long, value_name = "beginning|end|N", default_value = "beginning", value_parser = from)]
    pub from: kafka::Start,
    /// End after so many records
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Show only records that this holds for
    #[arg(long, value_name = "TEXT|KEY=VALUE")]
    pub filter: Vec<String>,
    /// Wait for new records instead of ending at the last one
    #[arg(long)]
    pub follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// Show the newest dead letters
    List(DeadLettersList),
    /// Show one dead letter with its reason and its bytes
    Show(DeadLettersShow),
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersList {
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub count: usize,
    /// Only those that this holds for, as with `tap`: `stage=normalizer`, `error_class=invalid`, `tenant=acme`, ...
    #[arg(long, value_name = "TEXT|KEY=VALUE")]
    pub filter: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersShow {
    /// Its id in the list, PARTITION-OFFSET
    #[arg(value_parser = letter_id)]
    pub id: LetterId,
    /// Write nothing but the original bytes, to look at them with other tools or to send them again
    #[arg(long, conflicts_with = "json")]
    pub bytes: bool,
}

/// `TENANT/REGISTER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisterId {
    pub tenant: String,
    pub register: String,
}

/// `REGISTER`, or `TENANT/REGISTER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SenderId {
    pub tenant: Option<String>,
    pub register: String,
}

/// `PARTITION-OFFSET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LetterId {
    pub partition: i32,
    pub offset: i64,
}

fn register_id(text: &str) -> Result<RegisterId, String> {
    let (tenant, register) = text.split_once('/').ok_or("expected TENANT/REGISTER, such as acme/till-7")?;
    Ok(RegisterId { tenant: id(tenant)?, register: id(register)? })
}

fn source_id(text: &str) -> Result<SourceId, String> {
    let (tenant, source) = text.split_once('/').ok_or("expected TENANT/SOURCE, such as acme/evotor-cloud")?;
    Ok(SourceId { tenant: id(tenant)?, source: id(source)? })
}

fn sender_id(text: &str) -> Result<SenderId, String> {
    match text.split_once('/') {
        Some((tenant, register)) => Ok(SenderId { tenant: Some(id(tenant)?), register: id(register)? }),
        None => Ok(SenderId { tenant: None, register: id(text)? }),
    }
}

fn id(text: &str) -> Result<String, String> {
    if canonical::is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no id: a-z, 0-9 and -, at most 63 characters, not beginning with -"))
    }
}

fn letter_id(text: &str) -> Result<LetterId, String> {
    let parsed = text.split_once('-').and_then(|(partition, offset)| {
        Some(LetterId { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
    });
    // Kafka's own offsets below zero mean the beginning and the end.
    let parsed = parsed.filter(|id| id.partition >= 0 && id.offset >= 0);
    parsed.ok_or_else(|| "expected PARTITION-OFFSET as in `kassactl dead-letters list`, such as 3-1024".to_owned())
}

fn format(text: &str) -> Result<String, formats::UnknownFormat> {
    Ok(formats::choose(Some(text), None)?.family.name.to_owned())
}

fn time_zone(text: &str) -> Result<String, &'static str> {
    provision::is_time_zone(text).then(|| text.to_owned()).ok_or("no IANA name, such as Europe/Moscow")
}

fn from(text: &str) -> Result<kafka::Start, String> {
    match text {
        "beginning" => Ok(kafka::Start::Beginning),
        "end" => Ok(kafka::Start::End),
        number => match number.parse() {
            Ok(count @ 1_u32..) => Ok(kafka::Start::Tail(count.into())),
            _ => Err("expected `beginning`, `end` or a number of records".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn error(arguments: &[&str]) -> ErrorKind {
        Cli::try_parse_from([&["kassactl"], arguments].concat()).unwrap_err().kind()
    }

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_register_or_a_file_is_enrolled() {
        let complete = ["registers", "enrol", "acme/till-7", "--shop", "s", "--time-zone", "UTC", "--families", "a,b"];
        let cli = Cli::try_parse_from([&["kassactl"], &complete[..]].concat()).unwrap();
        let Command::Registers(Registers::Enrol(enrol)) = cli.command else { panic!() };
        assert_eq!(enrol.families, ["a", "b"]);
        assert_eq!(error(&complete[..5]), ErrorKind::MissingRequiredArgument);
        assert_eq!(error(&[&complete[..], &["--csv", "f"]].concat()), ErrorKind::ArgumentConflict);
        assert!(Cli::try_parse_from(["kassactl", "registers", "enrol", "--csv", "f"]).is_ok());
        assert_eq!(error(&["registers", "enrol", "--out", "f"]), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn ids_have_their_form() {
        assert_eq!(error(&["registers", "revoke", "till-7"]), ErrorKind::ValueValidation);
        assert_eq!(error(&["registers", "revoke", "Acme/till-7"]), ErrorKind::ValueValidation);
        assert_eq!(error(&["dead-letters", "show", "17"]), ErrorKind::ValueValidation);
        assert_eq!(error(&["send", "file", "--token", "t", "--format", "punch-cards"]), ErrorKind::ValueValidation);
        assert_eq!(error(&["send", "file"]), ErrorKind::MissingRequiredArgument);
        assert!(Cli::try_parse_from(["kassactl", "send", "file", "--token", "t", "--register", "till-7"]).is_ok());
        let sender = |tenant: Option<&str>| SenderId { tenant: tenant.map(str::to_owned), register: "till-7".into() };
        assert_eq!(sender_id("acme/till-7"), Ok(sender(Some("acme"))));
        assert_eq!(sender_id("till-7"), Ok(sender(None)));
        assert_eq!(letter_id("3-1024"), Ok(LetterId { partition: 3, offset: 1024 }));
        assert!(letter_id("4--1").is_err() && letter_id("-4-1").is_err());
    }

    #[test]
    fn the_example_of_every_format_is_understood() {
        for family in formats::FAMILIES {
            let line = crate::commands::formats::example(family);
            if let Err(error) = Cli::try_parse_from(line.split(' ')) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn a_tap_begins_where_it_is_told() {
        let starts = ["beginning", "end", "10"].map(|text| from(text).unwrap());
        assert_eq!(starts, [kafka::Start::Beginning, kafka::Start::End, kafka::Start::Tail(10)]);
        assert!(from("-1").is_err());
    }

    #[test]
    fn the_command_after_two_hyphens_keeps_its_options() {
        let cli = Cli::try_parse_from(["kassactl", "with-servers", "--", "cargo", "test", "--json"]).unwrap();
        let Command::WithServers(with) = cli.command else { panic!() };
        assert_eq!(with.command, ["cargo", "test", "--json"]);
        assert!(!cli.json);
    }

    /// The command lines of a page, without what a shell does around them.
    fn lines_of(page: &str) -> Vec<Vec<String>> {
        let path = format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let in_shell = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
        let commands = in_shell.flat_map(str::lines).filter_map(|line| {
            let start =
                line.find("kassactl ").filter(|start| line[..*start].ends_with(['(', '/', ' ']) || *start == 0)?;
            let end = line[start..].find([')', '|', '#', '>', ';']).unwrap_or(line.len() - start);
            Some(
                line[start..start + end]
                    .split(" && ")
                    .next()?
                    .split_whitespace()
                    .map(|word| word.replace('"', ""))
                    .collect(),
            )
        });
        commands.collect()
    }

    #[test]
    fn every_command_line_of_the_documentation_is_understood() {
        for (page, least) in [("docs/kassactl.md", 25), ("docs/first-receipt.md", 5)] {
            let lines = lines_of(page);
            assert!(lines.len() >= least, "{page}: {lines:?}");
            for line in lines {
                if let Err(error) = Cli::try_parse_from(&line) {
                    panic!("{page}: {}: {error}", line.join(" "));
                }
            }
        }
    }
}
