//! Letters of 5 x 8 dots for captions: printable ASCII, and a box for everything else.

/// Columns that a letter takes up, the gap after it included.
pub(super) const WIDTH: u32 = 6;

/// Rows of a letter; the last is for what hangs below the line.
pub(super) const HEIGHT: u32 = 8;

/// Letters in a row of the drawing below.
const ACROSS: u32 = 16;

/// The letters from the blank on, sixteen in a row, a blank between them; the last one is the box.
const DRAWING: &str = include_str!("font.txt");

/// Columns and rows of the dots of a text, cut to `most` letters; a full stop then says so.
pub(super) fn dots(text: &str, most: u32) -> impl Iterator<Item = (u32, u32)> {
    let drawing: Vec<&[u8]> = DRAWING.lines().map(str::as_bytes).collect();
    let most = most as usize;
    let is_cut = text.chars().count() > most;
    let kept = text.chars().take(if is_cut { most.saturating_sub(1) } else { most });
    let letters: Vec<char> = kept.chain((is_cut && most > 0).then_some('.')).collect();
    letters.into_iter().zip(0..).flat_map(move |(letter, number)| {
        let code = if (' '..='~').contains(&letter) { letter as u32 - 32 } else { 95 };
        let (left, top) = (code % ACROSS * WIDTH, code / ACROSS * HEIGHT);
        let place = |at: u32| (at % WIDTH, at / WIDTH);
        let is_dot = |(x, y): &(u32, u32)| {
            drawing.get((top + y) as usize).and_then(|row| row.get((left + x) as usize)) == Some(&b'#')
        };
        let dots: Vec<(u32, u32)> = (0..WIDTH * HEIGHT).map(place).filter(is_dot).collect();
        dots.into_iter().map(move |(x, y)| (number * WIDTH + x, y))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text as it is drawn.
    fn drawn(text: &str, most: u32) -> String {
        let mut rows =
            vec![vec![' '; text.chars().count().min(most as usize) * WIDTH as usize]; HEIGHT as usize];
        dots(text, most).for_each(|(x, y)| rows[y as usize][x as usize] = '#');
        rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn the_drawing_holds_every_letter() {
        let rows: Vec<&str> = DRAWING.lines().collect();
        assert_eq!(rows.len() as u32, HEIGHT * 6);
        assert!(rows.iter().all(|row| row.len() as u32 == ACROSS * WIDTH - 1 && row.is_ascii()));
        let letters: std::collections::BTreeSet<String> =
            (' '..='\x7f').map(|letter| drawn(&letter.to_string(), 1)).collect();
        assert_eq!(letters.len(), 96, "no two letters look alike");
    }

    #[test]
    fn text_is_drawn_and_cut() {
        assert!(
            drawn("ct", 2).starts_with("       #\n       #\n #### ####\n#      #\n"),
            "{}",
            drawn("ct", 2)
        );
        assert_eq!(drawn("é", 1), drawn("\x7f", 1));
        assert_eq!(drawn("cats", 3), drawn("ca.", 3));
        assert_eq!(dots("cat", 0).count(), 0);
    }
}
