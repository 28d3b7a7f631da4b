//! One image of a list to the payload of its record.

use std::fs;
use std::path::Path;

use brazier_image::crop::{self, centre};
use brazier_image::{ImageError, InputShape, Limits, Pixels, Region, decode, encode, resize};
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::lst::Entry;

use super::pack::{Color, Encoding, PackOptions};

/// The record's payload, or why there is none.
pub(super) fn payload(entry: &Entry, root: &Path, options: &PackOptions) -> Result<Vec<u8>, String> {
    let id = u64::try_from(entry.index).map_err(|_| format!("its index {} is negative", entry.index))?;
    let path = root.join(&entry.path);
    let file = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if file.is_empty() {
        return Err("the file is empty".into());
    }
    let image = match options.pass_through {
        true => file,
        false => encoded(&file, options).map_err(|error| error.to_string())?,
    };
    let record = match entry.labels.as_slice() {
        labels @ [_, _, ..] if options.pack_label => ImageRecord::vector(labels.to_vec(), id, &image),
        // A list's entry has a label at least.
        labels => ImageRecord::single(labels.first().copied().unwrap_or_default(), id, &image),
    };
    Ok(record.encode())
}

fn encoded(file: &[u8], options: &PackOptions) -> Result<Vec<u8>, ImageError> {
    let limits = Limits::default();
    let mut pixels = match options.color {
        Color::Rgb => decode(file, 3, &limits)?,
        Color::Grey => decode(file, 1, &limits)?,
        Color::AsIs => without_colour(decode(file, 3, &limits)?)?,
    };
    if options.center_crop {
        pixels = square(&pixels)?;
    }
    if let Some(edge) = options.resize {
        pixels = resize::shorter_edge(pixels, edge.get(), &limits)?;
    }
    match options.encoding {
        Encoding::Jpg => encode::jpeg(&pixels, options.quality),
        Encoding::Png => encode::png(&pixels),
    }
}

/// Grey if no pixel has a colour, otherwise as it is.
fn without_colour(pixels: Pixels) -> Result<Pixels, ImageError> {
    let (rgb, _) = pixels.data().as_chunks::<3>();
    if rgb.iter().any(|[red, green, blue]| red != green || red != blue) {
        return Ok(pixels);
    }
    let grey = rgb.iter().map(|[grey, ..]| *grey).collect();
    Pixels::new(pixels.width(), pixels.height(), 1, grey)
}

/// The middle of the longer side, as long as the shorter.
fn square(pixels: &Pixels) -> Result<Pixels, ImageError> {
    let (edge, channels) = (pixels.width().min(pixels.height()), pixels.channels());
    let shape = InputShape { channels, height: edge, width: edge };
    let mut data = vec![0; edge as usize * edge as usize * channels as usize];
    let whole = Region::whole(pixels.width(), pixels.height());
    crop::copy(pixels, whole, centre(pixels.size(), shape), false, &mut data)?;
    Pixels::new(edge, edge, channels, data)
}
