//! The command line, as a user types it. What a command does is in `commands`.

mod import;

use crate::fetched_keys::KeyFile;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;

pub(crate) use import::{ImportAuth, ImportCommand, ImportOpenapi};

#[derive(Debug, Parser)]
#[command(name = "tollgate", version, about = "An API gateway that can explain every refusal", max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until a signal: HUP reloads, USR1 reopens log files, TERM drains and stops, INT stops now
    Run {
        /// The config to serve
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// Serve a small config with a built-in upstream, and print curl lines to try
    Demo {
        /// The address to listen on; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
        listen: std::net::SocketAddr,
    },
    /// Report all mistakes of a config, without network or side effect
    Check {
        /// The configs to check
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = DiagnosticFormat::Text)]
        format: DiagnosticFormat,
        /// Take warnings for errors
        #[arg(long)]
        strict: bool,
    },
    /// Show each step of the decision on one request, and the answer the client would get
    Explain(Box<Explain>),
    /// Run the `tests:` of a config through the decision code
    Test {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Send the requests to a running gateway instead, for example <http://127.0.0.1:8080>
        #[arg(long, value_name = "URL")]
        against: Option<String>,
        /// The key set of a provider that a running gateway fetches; can be given more than once
        #[arg(long, value_name = "PROVIDER=FILE", conflicts_with = "against")]
        jwks: Vec<KeyFile>,
    },
    /// Tell a running gateway to reload its config
    Reload {
        /// The config that the gateway was started with
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        /// Wait for the verdict and report it, diagnostics included
        #[arg(long)]
        wait: bool,
    },
    /// What a running gateway has counted of its quotas
    Quota {
        #[command(subcommand)]
        command: QuotaCommand,
    },
    /// List what a running gateway refused lately, and what failed; the newest comes last
    Denials(Denials),
    /// Show what a running gateway knows of a request that it refused or that failed; exit code 1 if nothing
    Requests {
        /// The config that the gateway was started with
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        /// The request's ID, or its end
        #[arg(value_name = "ID")]
        id: String,
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// List the error catalogue, or show the runbook page of one kind or reason
    Reasons {
        #[arg(value_name = "NAME")]
        name: Option<String>,
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// Say why a JWT is accepted or refused: each check with what was expected and found. Nothing leaves this machine
    Token(Token),
    /// Show the keys that a running gateway verifies tokens with, and how their fetching stands
    Keys {
        /// The config that the gateway was started with
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// API keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Passwords
    Password {
        #[command(subcommand)]
        command: PasswordCommand,
    },
    /// Make a config of another tool's document
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the version and what it was built from
    Version,
    /// Write the generated reference pages into a folder
    #[command(hide = true)]
    Reference {
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

impl Command {
    /// Whether it runs until a signal, and takes signals over for that.
    pub(crate) const fn serves(&self) -> bool {
        match self {
            Self::Run { .. } | Self::Demo { .. } => true,
            Self::Check { .. }
            | Self::Explain(_)
            | Self::Test { .. }
            | Self::Reload { .. }
            | Self::Quota { .. }
            | Self::Denials(_)
            | Self::Requests { .. }
            | Self::Reasons { .. }
            | Self::Schema
            | Self::Token(_)
            | Self::Keys { .. }
            | Self::Key { .. }
            | Self::Password { .. }
            | Self::Import { .. }
            | Self::Completions { .. }
            | Self::Version
            | Self::Reference { .. } => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key; print it once, with the hash for the config
    New {
        /// The consumer that will hold it, for the config lines that are printed
        #[arg(long, value_name = "ID")]
        consumer: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// List counters of the present periods: whose they are and how much is used
    List {
        /// The config that the gateway was started with
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        which: Which,
        /// Also counters whose period is over; they are kept for about a day
        #[arg(long)]
        ended: bool,
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Show counters in full; exit code 1 if none fits
    Show(NamedCounters),
    /// Count from zero again, and say which counters that were; exit code 1 if none fits
    Reset(NamedCounters),
    /// Write all counters as JSON, one a line: for bills and backups
    Export {
        /// The config that the gateway was started with
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        which: Which,
    },
}

/// Counters that a user has to name.
#[derive(Args, Debug)]
pub(crate) struct NamedCounters {
    /// The config that the gateway was started with
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// A counter's ID, or its beginning; a reset takes enough of it to name one
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) which: Which,
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

/// Which counters are meant: those that fit everything that is given.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Counters of this quota, by its name: `plans.free.quota`
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Counters of this consumer
    #[arg(long, value_name = "ID")]
    pub(crate) consumer: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Hash a password for the config; it is asked for on a terminal, else it is the first line of the standard input
    Hash {
        /// The user that will have it, for the config lines that are printed
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiagnosticFormat {
    Text,
    Json,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
}

/// curl's own options, so that a failing call can be explained by changing one word of it.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are booleans")]
pub(crate) struct Explain {
    /// The config that decides
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[arg(value_name = "URL", required_unless_present = "batch")]
    pub(crate) url: Option<String>,
    /// Explain many requests in one run: FILE has one JSON object a line (`method`, `url`, `headers` as pairs, `body`), and each
    /// is answered by one line of `--format json`. Counters go on from one to the next; exit code 0 if all could be decided
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "url")]
    pub(crate) batch: Option<PathBuf>,
    /// The method; GET, or POST when there is data
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header line, `Name: value`; can be given more than once
    #[arg(short = 'H', long = "header", value_name = "LINE")]
    pub(crate) headers: Vec<String>,
    /// Body data; `@FILE` reads a file, line ends left out; several are joined by `&`
    #[arg(short = 'd', long = "data", value_name = "DATA")]
    pub(crate) data: Vec<String>,
    /// Body data as it is; `@FILE` reads a file
    #[arg(long = "data-binary", value_name = "DATA")]
    pub(crate) data_binary: Vec<String>,
    /// Put the data into the query
    #[arg(short = 'G', long = "get")]
    pub(crate) get: bool,
    /// A cookie, `name=value`
    #[arg(short = 'b', long = "cookie", value_name = "COOKIE")]
    pub(crate) cookies: Vec<String>,
    /// HEAD instead of GET
    #[arg(short = 'I', long = "head")]
    pub(crate) head: bool,
    /// Accepted for the sake of pasted curl lines: shows the answer's head, which is shown anyway
    #[arg(short = 'i', long = "include")]
    pub(crate) include: bool,
    /// Accepted for the sake of pasted curl lines
    #[arg(short = 's', long = "silent")]
    pub(crate) silent: bool,
    /// The point in time to decide at, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The key set of a provider that a running gateway fetches; can be given more than once
    #[arg(long, value_name = "PROVIDER=FILE")]
    pub(crate) jwks: Vec<KeyFile>,
    /// What the auth services are taken to answer: a status. Nobody is asked; without it, what they decide stays undecided
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) auth_answer: Option<u16>,
    /// A header line of that answer, `Name: value`; can be given more than once
    #[arg(long, value_name = "LINE", requires = "auth_answer")]
    pub(crate) auth_header: Vec<String>,
    /// The address the request comes from
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub(crate) client: IpAddr,
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

/// Which denials, and how they are told.
#[derive(Args, Debug)]
pub(crate) struct Denials {
    /// The config that the gateway was started with
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Only this reason, or all reasons of this kind; what policies in dry run would have refused counts
    #[arg(long, value_name = "NAME")]
    pub(crate) reason: Option<String>,
    /// Only requests of this route
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    /// Only requests of this consumer
    #[arg(long, value_name = "ID")]
    pub(crate) consumer: Option<String>,
    /// Only requests from this address
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// The newest N; 100, or 10 of those from before with `--follow`
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Go on with what comes, until interrupted
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Text has one line for a caller who loops on a request (with `--follow` one every ten seconds); JSON has every record, one a
    /// line with `--follow`
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

/// Which token, and what it is held against.
#[derive(Args, Debug)]
pub(crate) struct Token {
    /// The file with the token, `-` for standard input: the token alone, an `Authorization` line, or JSON with `access_token`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The config that decides; without it the token is only taken apart
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The entry of `jwtProviders` that is to accept it, whatever its issuer
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) provider: Option<String>,
    /// The route that it is for: its providers, its scopes, and whether the caller's plan opens it
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with = "provider")]
    pub(crate) route: Option<String>,
    /// Scopes that it has to have, separated by commas or spaces
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', requires = "config")]
    pub(crate) scopes: Vec<String>,
    /// Verify the signature with this key set instead of the provider's own keys
    #[arg(long, value_name = "FILE", requires = "config")]
    pub(crate) jwks: Option<PathBuf>,
    /// The point in time to decide at, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}
