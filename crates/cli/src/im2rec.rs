//! `brazier im2rec`: image folders to lists and record files, with the options of MXNet's tool of that name.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use brazier_data::im2rec::{
    Color, Encoding, Im2recError, ListOptions, PackOptions, Packed, list, lists, pack,
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};

use crate::fault::client;
use crate::output::unless_closed;

/// Images that failed and are named; the rest is counted.
const NAMED: usize = 20;

/// The command line of `im2rec`.
pub fn command() -> Command {
    let flag =
        |id: &'static str, help: &'static str| Arg::new(id).long(id).action(ArgAction::SetTrue).help(help);
    let option = |id: &'static str, value: &'static str, default: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(value).default_value(default).help(help)
    };
    let path = |id: &'static str, help: &'static str| {
        Arg::new(id)
            .value_name(id.to_uppercase())
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    Command::new("im2rec")
        .about("Pack images into RecordIO files, as MXNet's im2rec.py does")
        .long_about(
            "With --list: walks ROOT and writes PREFIX.lst, one line an image.\n\
             Without: packs the images of every PREFIX*.lst, whose paths are relative to ROOT, into a .rec and an .idx \
             file beside the list.\n\n\
             Class numbers, order, splits, file names and the lists' text are those of im2rec.py of MXNet 1.9.1.",
        )
        .arg(path("prefix", "Beginning of the lists' path"))
        .arg(path("root", "Folder of the images"))
        .next_help_heading("Making lists")
        .arg(flag("list", "Make lists instead of packing them"))
        .arg(flag("recursive", "Walk the folders below ROOT, one class for each that holds images"))
        .arg(
            Arg::new("exts")
                .long("exts")
                .value_name("EXT")
                .num_args(1..)
                .default_values([".jpeg", ".jpg", ".png"])
                .help("Endings of image files"),
        )
        .arg(
            option("train-ratio", "SHARE", "1.0", "Share of the images that goes to PREFIX_train.lst")
                .value_parser(value_parser!(f64)),
        )
        .arg(
            option("test-ratio", "SHARE", "0", "Share that goes to PREFIX_test.lst; the rest goes to PREFIX_val.lst")
                .value_parser(value_parser!(f64)),
        )
        .arg(option("chunks", "N", "1", "Number of pieces with lists of their own").value_parser(value_parser!(usize)))
        .arg(
            option("shuffle", "BOOL", "true", "Shuffle the lists, always in the same way")
                .num_args(0..=1)
                .default_missing_value("true")
                .value_parser(clap::builder::BoolishValueParser::new()),
        )
        .arg(flag("no-shuffle", "Leave the lists in the order of the walk").overrides_with("shuffle"))
        .next_help_heading("Packing")
        .arg(flag("pass-through", "Store the files as they are, without decoding them"))
        .arg(
            option("resize", "N", "0", "Pixels of the shorter edge; 0 leaves the size")
                .value_parser(value_parser!(u32)),
        )
        .arg(flag("center-crop", "Cut the longer side to a square, before resizing"))
        .arg(
            option("quality", "N", "95", "Quality of JPEG, 1 to 100; without effect on PNG")
                .value_parser(value_parser!(u8)),
        )
        .arg(option("encoding", "EXT", ".jpg", "What the images become").value_parser([".jpg", ".jpeg", ".png"]))
        .arg(
            option("color", "N", "1", "Channels: 1 colour, 0 grey, -1 as the image is")
                .allow_hyphen_values(true)
                .value_parser(["1", "0", "-1"]),
        )
        .arg(flag("pack-label", "Store all labels of a line; otherwise the first one"))
        .arg(
            option("num-thread", "N", "0", "Threads that decode and encode; 0 is one for each core")
                .value_parser(value_parser!(usize)),
        )
}

/// Makes lists, or packs them.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let path = |id: &str| arguments.get_one::<PathBuf>(id).cloned().unwrap_or_default();
    let (prefix, root) = (path("prefix"), path("root"));
    if !root.is_dir() {
        return Err(client(format!("{} is not a folder: expected the folder of the images", root.display())));
    }
    if arguments.get_flag("list") {
        make_lists(arguments, &prefix, &root)
    } else {
        pack_lists(arguments, &prefix, &root)
    }
}

fn make_lists(arguments: &ArgMatches, prefix: &Path, root: &Path) -> anyhow::Result<()> {
    let ratio = |id: &str| arguments.get_one::<f64>(id).copied().unwrap_or_default();
    let options = ListOptions {
        recursive: arguments.get_flag("recursive"),
        extensions: arguments.get_many::<String>("exts").into_iter().flatten().cloned().collect(),
        shuffle: arguments.get_one::<bool>("shuffle").copied().unwrap_or(true)
            && !arguments.get_flag("no-shuffle"),
        train_ratio: ratio("train-ratio"),
        test_ratio: ratio("test-ratio"),
        chunks: arguments.get_one("chunks").copied().unwrap_or(1),
    };
    let listing = list(prefix, root, &options).map_err(told)?;
    if listing.images == 0 {
        let below = if options.recursive { "in or below" } else { "directly in" };
        let endings = options.extensions.join(", ");
        return Err(client(format!("there is no image ({endings}) {below} {}", root.display())));
    }
    let mut out = io::stdout().lock();
    unless_closed((|| {
        for (number, class) in listing.classes.iter().enumerate() {
            writeln!(out, "{class} {number}")?;
        }
        listing
            .files
            .iter()
            .try_for_each(|file| writeln!(out, "{}: {} images", file.path.display(), file.images))?;
        Ok(())
    })())
}

fn pack_lists(arguments: &ArgMatches, prefix: &Path, root: &Path) -> anyhow::Result<()> {
    let text = |id: &str| arguments.get_one::<String>(id).map(String::as_str).unwrap_or_default();
    let options = PackOptions {
        resize: arguments.get_one("resize").copied().and_then(NonZeroU32::new),
        center_crop: arguments.get_flag("center-crop"),
        quality: arguments.get_one("quality").copied().unwrap_or(95),
        encoding: if text("encoding") == ".png" { Encoding::Png } else { Encoding::Jpg },
        color: match text("color") {
            "0" => Color::Grey,
            "-1" => Color::AsIs,
            _ => Color::Rgb,
        },
        pass_through: arguments.get_flag("pass-through"),
        pack_label: arguments.get_flag("pack-label"),
        threads: arguments.get_one("num-thread").copied().unwrap_or_default(),
    };
    let found = lists(prefix).map_err(told)?;
    if found.is_empty() {
        let prefix = prefix.display();
        return Err(client(format!("there is no {prefix}*.lst to pack; --list makes one")));
    }
    let mut failed = 0;
    for list in found {
        let bar = bar(&list);
        let packed = pack(&list, root, &options, &|done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        failed += report(&packed.map_err(told)?)?;
    }
    match failed {
        0 => Ok(()),
        failed => {
            Err(client(format!("{failed} images could not be packed; the record files hold the others")))
        }
    }
}

/// Tells what became of a list, and answers how many of its images failed.
fn report(packed: &Packed) -> anyhow::Result<usize> {
    for failure in packed.failed.iter().take(NAMED) {
        eprintln!("{}: {}", failure.path, failure.reason);
    }
    if let Some(more) = packed.failed.len().checked_sub(NAMED).filter(|&more| more > 0) {
        eprintln!("and {more} more");
    }
    unless_closed(
        writeln!(io::stdout(), "{}: {} records", packed.path.display(), packed.written).map_err(Into::into),
    )?;
    Ok(packed.failed.len())
}

/// A progress bar on a terminal, nothing elsewhere.
fn bar(list: &Path) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar =
        ProgressBar::new(0).with_prefix(list.file_name().unwrap_or_default().to_string_lossy().into_owned());
    match ProgressStyle::with_template(" {prefix} {bar:30} {pos}/{len} images, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What the user can put right; trouble of the machine stays what it is.
fn told(error: Im2recError) -> anyhow::Error {
    match error {
        Im2recError::Io { ref source, .. } if source.kind() != io::ErrorKind::NotFound => error.into(),
        error => client(error.to_string()),
    }
}
