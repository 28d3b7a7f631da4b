//! `brazier inspect`: what is in a file of the formats this program reads.

mod archive;
mod checkpoint;
mod digest;
mod list;
mod params;
mod records;
mod symbol;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::fault::client;
use crate::output::unless_closed;

/// The command line of `inspect`.
pub fn command() -> Command {
    Command::new("inspect")
        .about("Show what is in a .rec, .lst, .params, symbol, model.tar.gz or checkpoint file")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file, or a model folder"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object a line for each record, list entry, graph node or tensor"),
        )
        .arg(
            Arg::new("raw")
                .long("raw")
                .action(ArgAction::SetTrue)
                .help("Take records of a .rec file as plain bytes, without an image header"),
        )
        .arg(
            Arg::new("part")
                .long("part")
                .value_name("K/N")
                .value_parser(part)
                .help("Of a .rec file only what reader K (from 0) of N gets, divided as MXNet divides it"),
        )
}

/// How the answer is wanted.
#[derive(Clone, Copy)]
struct Form {
    json: bool,
    raw: bool,
    /// Number of the part and of the parts.
    part: Option<(usize, usize)>,
}

/// `0/3`, a part that there is.
fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers =
        text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    numbers
        .filter(|(part, parts)| part < parts)
        .ok_or_else(|| "expected K/N with K from 0 to N - 1".to_owned())
}

/// Inspects.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some(path) = arguments.get_one::<PathBuf>("file") else { return Ok(()) };
    let part = arguments.get_one::<(usize, usize)>("part").copied();
    let form = Form { json: arguments.get_flag("json"), raw: arguments.get_flag("raw"), part };
    let mut out = BufWriter::new(io::stdout().lock());
    // What was found before an error is worth showing.
    let result = inspect(path, form, &mut out);
    let flushed = out.flush();
    unless_closed(result.and_then(|()| Ok(flushed?)))
}

fn inspect(path: &Path, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() || [".tar.gz", ".tgz", ".tar"].iter().any(|ending| name.ends_with(ending)) {
        return archive::show(path, form, out);
    }
    let open = || File::open(path).map_err(|error| client(format!("{}: {error}", path.display())));
    if name.ends_with(".rec") {
        return records::show(path, open()?, form, out);
    }
    if name.ends_with(".checkpoint") {
        return checkpoint::show(path, form, out);
    }
    let mut bytes = Vec::new();
    open()?.read_to_end(&mut bytes).map_err(|error| client(format!("{}: {error}", path.display())))?;
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "lst" => list::show(path, &bytes, form, out),
        "params" => params::show(path, &bytes, form, out),
        "json" => symbol::show(path, &bytes, form, out),
        _ => Err(client(format!(
            "{}: not a name this command knows, expected .rec, .lst, .params, -symbol.json, .checkpoint or model.tar.gz",
            path.display()
        ))),
    }
}
