//! Curves over the epochs, as SVG.

use std::fmt::Write;

/// Inner size of a chart, and the space left of it and below it for numbers.
const SIZE: [f64; 2] = [420.0, 180.0];
const MARGIN: [f64; 2] = [66.0, 28.0];

/// A line of a chart: its name, which is also its CSS class, and a value for each epoch that has one.
pub(super) struct Curve {
    pub name: &'static str,
    pub values: Vec<Option<f64>>,
}

/// A chart of `curves` as an SVG element, its vertical axis from the smallest to the largest value. Empty without a number.
pub(super) fn chart(title: &str, curves: &[Curve], label: impl Fn(f64) -> String) -> String {
    let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
    let all: Vec<f64> = curves.iter().flat_map(|curve| curve.values.iter().filter_map(finite)).collect();
    let (low, high) =
        all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    if all.is_empty() {
        return String::new();
    }
    // A flat line lies in the middle.
    let (low, high) = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
    let epochs = curves.iter().map(|curve| curve.values.len()).max().unwrap_or(1);
    let x = |at: usize| MARGIN[0] + SIZE[0] * if epochs > 1 { at as f64 / (epochs - 1) as f64 } else { 0.5 };
    let y = |value: f64| 10.0 + SIZE[1] * (high - value) / (high - low);

    let [width, height] = [MARGIN[0] + SIZE[0] + 14.0, 10.0 + SIZE[1] + MARGIN[1]];
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">"
    );
    // Writing to a string cannot fail.
    for tick in 0..=4 {
        let value = low + (high - low) * f64::from(tick) / 4.0;
        let (left, right, y) = (MARGIN[0], MARGIN[0] + SIZE[0], y(value));
        let _ = write!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" class=\"tick end\">{}</text>",
            left - 6.0,
            y + 4.5,
            label(value)
        );
    }
    for at in ticks(epochs) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" class=\"tick middle\">{}</text>",
            x(at),
            height - 8.0,
            at + 1
        );
    }
    for curve in curves {
        let points: Vec<(f64, f64)> = curve
            .values
            .iter()
            .enumerate()
            .filter_map(|(at, value)| finite(value).map(|value| (x(at), y(value))))
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(svg, "<polyline class=\"curve {}\" points=\"{}\"/>", curve.name, path.join(" "));
        if let Some((x, y)) = points.last() {
            let _ = write!(svg, "<circle class=\"dot {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", curve.name);
        }
    }
    svg + "</svg></figure>"
}

/// At most ten epochs, 0-based, the first and the last among them.
fn ticks(epochs: usize) -> impl Iterator<Item = usize> {
    let step = epochs.saturating_sub(1).div_ceil(9).max(1);
    let last = epochs.saturating_sub(1);
    (0..epochs)
        .step_by(step)
        .filter(move |at| *at == 0 || last - at >= step)
        .chain((last > 0).then_some(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_left_out() {
        let curve =
            |values: &[f64]| Curve { name: "train", values: values.iter().copied().map(Some).collect() };
        let svg = chart("Loss", &[curve(&[2.0, f64::NAN, 1.0])], |value| format!("{value:.1}"));
        assert!(svg.contains("points=\"66.0,10.0 486.0,190.0\"") && !svg.contains("NaN"), "{svg}");
        assert_eq!(chart("Loss", &[curve(&[f64::INFINITY])], |_| String::new()), "");
    }

    #[test]
    fn the_first_and_the_last_epoch_are_numbered() {
        assert_eq!(ticks(1).collect::<Vec<_>>(), [0]);
        assert_eq!(ticks(3).collect::<Vec<_>>(), [0, 1, 2]);
        let many: Vec<usize> = ticks(100).collect();
        assert!(many.len() <= 10 && many[0] == 0 && many.last() == Some(&99), "{many:?}");
    }
}
