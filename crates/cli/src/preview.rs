//! `brazier preview`: what the network will see of a channel, as pictures.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brazier_data::preview::{Look, Sheet, channels_first, each};
use brazier_data::{Dataset, Options, open};
use brazier_image::{Augmentation, InputShape, TrainTransform, encode};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use npyz::WriterBuilder;

use crate::fault::client;
use crate::output::unless_closed;
use crate::train::local;

/// The command line of `preview`.
pub fn command() -> Command {
    let path = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).value_name(name).value_parser(value_parser!(PathBuf)).help(help)
    };
    let number = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).value_parser(value_parser!(u64)).help(help)
    };
    Command::new("preview")
        .about("Draw what the network will see of a channel")
        .long_about(
            "Draws the first samples of a channel as training prepares them, with their classes.\n\n\
             The sheet and the array both hold the first samples in the channel's own order, or with --shuffle in the \
             order of the training epoch. Without --augmentation-type the images are cut in the centre.",
        )
        .arg(
            path("channel", "CHANNEL", "A channel's folder, or the folder of a data set with train in it")
                .required(true),
        )
        .arg(path("lists", "DIR", "Folder of the channel's .lst files, if they do not lie in it").long("lists"))
        .arg(
            Arg::new("image-shape")
                .long("image-shape")
                .value_name("C,H,W")
                .required(true)
                .value_parser(value_parser!(InputShape))
                .help("The network's input; one channel gives a grey sheet"),
        )
        .arg(
            Arg::new("resize")
                .long("resize")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=8192))
                .help("Pixels of the shorter side before the crop [default: as stored]"),
        )
        .arg(
            Arg::new("augmentation-type")
                .long("augmentation-type")
                .value_name("TYPE")
                .value_parser(augmentation)
                .help("Random changes, as the hyperparameter has them [default: none]"),
        )
        .arg(number("epoch", "E", "Epoch whose changes and order are shown, from 0").default_value("0"))
        .arg(number("seed", "SEED", "Seed of the training run").default_value("0"))
        .arg(number("count", "N", "Samples to show").default_value("64"))
        .arg(
            Arg::new("shuffle")
                .long("shuffle")
                .action(ArgAction::SetTrue)
                .help("The samples in the order of the epoch, instead of the channel's own"),
        )
        .arg(path("out", "FILE", "The sheet, a PNG of at most 8192 x 8192 pixels").long("out").required(true))
        .arg(path("npy", "FILE", "The same samples as a uint8 array of N,C,H,W").long("npy"))
}

/// Any augmentation by the name that its hyperparameter has.
fn augmentation(text: &str) -> Result<Augmentation, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// Previews.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let path = |id: &str| arguments.get_one::<PathBuf>(id);
    let number = |id: &str| arguments.get_one::<u64>(id).copied().unwrap_or_default();
    let (Some(channel), Some(out)) = (path("channel"), path("out")) else { return Ok(()) };
    let Some(&shape) = arguments.get_one::<InputShape>("image-shape") else { return Ok(()) };
    let (mut files, _) = local::channels(channel)?;
    files.list_directory = path("lists").cloned().or(files.list_directory);
    let dataset = Arc::new(open(&files, &Options::default())?);
    let transform = TrainTransform {
        shape,
        resize: arguments.get_one::<u32>("resize").copied(),
        augmentation: arguments.get_one::<Augmentation>("augmentation-type").copied().unwrap_or_default(),
        fast_decode: false,
    };
    let count = usize::try_from(number("count")).unwrap_or(usize::MAX).min(dataset.source.len());
    let shuffle = arguments.get_flag("shuffle");
    let look = Look { seed: number("seed"), epoch: number("epoch"), shuffle, count };
    let shown = draw(&dataset, &transform, look, out, path("npy").map(PathBuf::as_path))?;
    let mut told = io::stdout().lock();
    unless_closed(conclude(&mut told, shown, count, out, path("npy").map(PathBuf::as_path)))
}

/// Writes the sheet and, if asked for, the array, one batch in memory at a time. Answers the pictures on the sheet.
fn draw(
    dataset: &Arc<Dataset>,
    transform: &TrainTransform,
    look: Look,
    out: &Path,
    npy: Option<&Path>,
) -> anyhow::Result<usize> {
    let shape = transform.shape;
    let mut sheet = Sheet::new(shape, look.count)?;
    let refused = |path: &Path, error: io::Error| client(format!("cannot write {}: {error}", path.display()));
    let mut array =
        npy.map(|path| array(path, shape, look.count).map_err(|error| refused(path, error))).transpose()?;
    each(dataset, transform, look, |number, pixels, classes| -> anyhow::Result<()> {
        sheet.put(number, pixels, &caption(dataset, classes));
        if let (Some(array), Some(path)) = (&mut array, npy) {
            array.extend(channels_first(shape, pixels)).map_err(|error| refused(path, error))?;
        }
        Ok(())
    })?;
    if let (Some(array), Some(path)) = (array, npy) {
        array.finish().map_err(|error| refused(path, error))?;
    }
    let shown = sheet.places();
    let png = encode::png(&sheet.into_pixels()?)?;
    std::fs::write(out, png).map_err(|error| refused(out, error))?;
    Ok(shown)
}

/// A new array file for `count` images, filled as they come.
fn array(path: &Path, shape: InputShape, count: usize) -> io::Result<npyz::NpyWriter<u8, BufWriter<File>>> {
    let extents = [count as u64, shape.channels.into(), shape.height.into(), shape.width.into()];
    npyz::WriteOptions::new()
        .default_dtype()
        .shape(&extents)
        .writer(BufWriter::new(File::create(path)?))
        .begin_nd()
}

/// The names of the classes where they are known, else their numbers.
fn caption(dataset: &Dataset, classes: &[usize]) -> String {
    let name = |class: &usize| dataset.class_names.as_ref().and_then(|names| names.get(*class)).cloned();
    let names: Vec<String> =
        classes.iter().map(|class| name(class).unwrap_or_else(|| class.to_string())).collect();
    names.join(" ")
}

fn conclude(
    told: &mut impl Write,
    shown: usize,
    count: usize,
    out: &Path,
    npy: Option<&Path>,
) -> anyhow::Result<()> {
    let limit = if shown < count {
        format!(" of {count}: no more fit into 8192 x 8192 pixels")
    } else {
        String::new()
    };
    writeln!(told, "{}: {shown} samples{limit}", out.display())?;
    if let Some(npy) = npy {
        writeln!(told, "{}: {count} samples", npy.display())?;
    }
    Ok(())
}
