//! `brazier export`: a model in the form of another program.

use std::io::Write;
use std::path::{Path, PathBuf};

use brazier_checkpoint::{archive, commit};
use brazier_model::export;
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::fault::client;
use crate::output::unless_closed;

/// The command line of `export`.
pub fn command() -> Command {
    let path = |name: &'static str| {
        Arg::new(name).long(name).value_name("PATH").required(true).value_parser(value_parser!(PathBuf))
    };
    Command::new("export")
        .about("Write a model in the form of another program")
        .arg(path("model").help("Model folder or model.tar.gz, of this program or of the built-in algorithm"))
        .arg(
            Arg::new("to")
                .long("to")
                .required(true)
                .value_parser(["onnx", "safetensors", "mxnet"])
                .help("onnx: graph and weights; safetensors: weights; mxnet: a model.tar.gz of the old algorithm's three files"),
        )
        .arg(path("out").help("New file; one that is there is not written over"))
}

/// Exports.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let path = |name: &str| arguments.get_one::<PathBuf>(name).map(PathBuf::as_path);
    let (Some(model), Some(out)) = (path("model"), path("out")) else { return Ok(()) };
    if out.exists() {
        return Err(client(format!("{} is there already: expected a new file for --out", out.display())));
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(client(format!("{} is no folder: expected one for --out", parent.display())));
    }
    let artifact = brazier_serve::open(model)?;
    artifact.check()?;
    match arguments.get_one::<String>("to").map(String::as_str) {
        Some("onnx") => write(out, &export::onnx::encode(&artifact)?)?,
        Some("safetensors") => write(out, &export::safetensors(&artifact)?)?,
        _ => archive::pack(&export::mxnet(&artifact)?, out)?,
    }
    let told = writeln!(std::io::stdout(), "{}", out.display());
    unless_closed(told.map_err(Into::into))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    Ok(commit::write(path, |out| out.write_all(bytes))?)
}
