//! Pictures side by side on one image.

use brazier_image::{ImageError, InputShape, Pixels};

use super::font;

/// The most pixels a side of a sheet has.
const MOST_SIDE: u32 = 8192;

/// Smaller pictures are enlarged by a whole factor while they stay within this.
const COMFORTABLE: u32 = 96;

/// Pixels around every picture.
const GAP: u32 = 8;

/// Shade of the paper, lighter than most pictures and darker than white.
const PAPER: u8 = 224;

/// Shade of the writing.
const INK: u8 = 0;

/// Pictures of one shape in rows, a caption under each; grey or RGB as they are.
#[derive(Debug)]
pub struct Sheet {
    shape: InputShape,
    /// Each pixel becomes a square of this side.
    zoom: u32,
    /// Each dot of the writing becomes a square of this side.
    dot: u32,
    columns: u32,
    places: usize,
    width: u32,
    height: u32,
    canvas: Vec<u8>,
}

impl Sheet {
    /// An empty sheet for `pictures` pictures, or as many as fit into 8192 x 8192 pixels.
    ///
    /// # Errors
    /// A picture that alone is larger than that, or is neither grey nor RGB.
    pub fn new(shape: InputShape, pictures: usize) -> Result<Self, ImageError> {
        if !matches!(shape.channels, 1 | 3) {
            return Err(ImageError::Channels { found: shape.channels });
        }
        let longer = shape.height.max(shape.width);
        if longer > MOST_SIDE - 8 * GAP {
            let (found, limit) = (u64::from(longer), u64::from(MOST_SIDE - 8 * GAP));
            return Err(ImageError::TooLarge { what: "pixels a side of a picture", found, limit });
        }
        let zoom = (COMFORTABLE / longer.max(1)).max(1);
        let mut sheet =
            Self { shape, zoom, dot: 1, columns: 1, places: 0, width: 0, height: 0, canvas: Vec::new() };
        sheet.dot = if sheet.cell().0 > 2 * COMFORTABLE { 2 } else { 1 };
        let (width, height) = sheet.cell();
        let fit = |extent: u32| ((MOST_SIDE - GAP) / extent).max(1);
        let wanted = u32::try_from(pictures).unwrap_or(u32::MAX).max(1);
        let square = u64::from(wanted).isqrt();
        let square = square + u64::from(square * square < u64::from(wanted));
        // A square of pictures; as wide as can be, if a square is too high.
        let columns = u32::try_from(square).unwrap_or(u32::MAX).min(fit(width));
        sheet.columns = if wanted.div_ceil(columns) > fit(height) { fit(width) } else { columns };
        let rows = wanted.div_ceil(sheet.columns).min(fit(height));
        sheet.places = pictures.min((sheet.columns * rows) as usize);
        sheet.width = GAP + sheet.columns * width;
        sheet.height = GAP + rows * height;
        let bytes = sheet.width as usize * sheet.height as usize * shape.channels as usize;
        sheet.canvas = vec![PAPER; bytes];
        Ok(sheet)
    }

    /// How many pictures have a place.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Width and height that a picture takes up, with its caption and the gaps right of and below it.
    fn cell(&self) -> (u32, u32) {
        // Room for a few letters under the narrowest picture.
        let width = (self.shape.width * self.zoom).max(6 * font::WIDTH);
        (width + GAP, self.shape.height * self.zoom + 2 + font::HEIGHT * self.dot + GAP)
    }

    /// Puts a picture, (H, W, C), in the place `number`, counted along the rows from 0. Without a place it is left out.
    pub fn put(&mut self, number: usize, pixels: &[u8], caption: &str) {
        if number >= self.places {
            return;
        }
        let (width, height) = self.cell();
        // Below `places`, which is a product of two `u32` that fits.
        let number = number as u32;
        let (left, top) = (GAP + number % self.columns * width, GAP + number / self.columns * height);
        let channels = self.shape.channels as usize;
        for (pixel, at) in pixels.chunks_exact(channels).zip(0..) {
            let (x, y) = (at % self.shape.width, at / self.shape.width);
            self.square(left + x * self.zoom, top + y * self.zoom, self.zoom, pixel);
        }
        let line = top + self.shape.height * self.zoom + 2;
        for (x, y) in font::dots(caption, (width - GAP) / (font::WIDTH * self.dot)) {
            self.square(left + x * self.dot, line + y * self.dot, self.dot, &[INK; 3][..channels]);
        }
    }

    /// Fills a square whose upper left corner is given.
    fn square(&mut self, left: u32, top: u32, side: u32, pixel: &[u8]) {
        for y in top..top + side {
            let start = (y as usize * self.width as usize + left as usize) * pixel.len();
            let row = self.canvas.get_mut(start..start + side as usize * pixel.len()).unwrap_or_default();
            row.chunks_exact_mut(pixel.len()).for_each(|place| place.copy_from_slice(pixel));
        }
    }

    /// The sheet as an image.
    ///
    /// # Errors
    /// None in practice: the sheet has the size it was made with.
    pub fn into_pixels(self) -> Result<Pixels, ImageError> {
        Pixels::new(self.width, self.height, self.shape.channels, self.canvas)
    }
}
