//! Two kinds of picture: bars side by side, and lines. Each is drawn into a panel of an SVG.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Outcome;

/// What a picture is drawn on.
pub(super) type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Ours first, then peers.
const COLOURS: [RGBColor; 6] = [
    RGBColor(29, 78, 216),
    RGBColor(96, 165, 250),
    RGBColor(217, 119, 6),
    RGBColor(156, 163, 175),
    RGBColor(5, 150, 105),
    RGBColor(147, 51, 234),
];
const INK: RGBColor = RGBColor(31, 41, 55);
const PALE: RGBColor = RGBColor(229, 231, 235);
const FONT: &str = "Helvetica, Arial, sans-serif";
/// Room above the highest value, as a share of it.
const HEADROOM: f64 = 1.15;
/// Of a group's width, what its bars take.
const GROUP_SHARE: f64 = 0.82;

/// A picture with bars: a group for each of `groups`, and in it a bar of every series.
pub(super) struct Bars<'a> {
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    pub(super) groups: Vec<String>,
    pub(super) series: Vec<(String, Vec<f64>)>,
}

/// A picture with lines.
pub(super) struct Lines<'a> {
    pub(super) title: &'a str,
    pub(super) x_axis: &'a str,
    pub(super) y_axis: &'a str,
    /// Equal distances stand for equal factors.
    pub(super) x_is_logarithmic: bool,
    pub(super) y_is_logarithmic: bool,
    pub(super) series: Vec<(String, Vec<(f64, f64)>)>,
}

fn colour(position: usize) -> RGBColor {
    COLOURS
        .get(position % COLOURS.len())
        .copied()
        .unwrap_or(INK)
}

fn text(size: u32, place: Pos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK).pos(place)
}

impl Bars<'_> {
    pub(super) fn draw(&self, panel: &Panel<'_>) -> Outcome<()> {
        let values = self.series.iter().flat_map(|(_, values)| values);
        let most = values
            .copied()
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let groups = self.groups.len() as f64;
        let mut chart = ChartBuilder::on(panel)
            .caption(self.title, text(17, Pos::new(HPos::Left, VPos::Top)))
            .margin(14)
            .x_label_area_size(34)
            .y_label_area_size(66)
            .build_cartesian_2d(0.0..groups, 0.0..(most * HEADROOM).max(1e-9))?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh().x_labels(0).y_desc(self.unit);
        mesh.y_label_formatter(&|value| number(*value));
        mesh.bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(INK);
        mesh.label_style(text(12, Pos::default())).draw()?;
        let width = GROUP_SHARE / self.series.len().max(1) as f64;
        for (place, (name, values)) in self.series.iter().enumerate() {
            let fill = colour(place).filled();
            let left =
                |group: usize| group as f64 + (1.0 - GROUP_SHARE) / 2.0 + place as f64 * width;
            let bar = |(group, value): (usize, &f64)| {
                let right = left(group) + width * 0.94;
                Rectangle::new([(left(group), 0.0), (right, *value)], fill)
            };
            let drawn = values
                .iter()
                .enumerate()
                .filter(|(_, value)| value.is_finite());
            chart
                .draw_series(drawn.clone().map(bar))?
                .label(name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], fill));
            for (group, value) in drawn {
                let top = chart.backend_coord(&(left(group) + width * 0.47, *value));
                let place = panel.strip_coord(top, -3);
                let above = text(11, Pos::new(HPos::Center, VPos::Bottom));
                panel.draw_text(&number(*value), &above, place)?;
            }
        }
        for (group, name) in self.groups.iter().enumerate() {
            let foot = chart.backend_coord(&(group as f64 + 0.5, 0.0));
            let below = text(13, Pos::new(HPos::Center, VPos::Top));
            panel.draw_text(name, &below, panel.strip_coord(foot, 8))?;
        }
        legend(&mut chart, SeriesLabelPosition::UpperLeft)
    }
}

impl Lines<'_> {
    pub(super) fn draw(&self, panel: &Panel<'_>) -> Outcome<()> {
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let (x_low, x_high) = ends(points().map(|(x, _)| *x));
        let (y_low, y_high) = ends(points().map(|(_, y)| *y));
        let x = x_low..if x_high > x_low { x_high } else { x_low + 1.0 };
        let linear_y = 0.0..y_high * HEADROOM;
        // The legend has its place above all lines.
        let headroom = (y_high / y_low).powf(0.6).max(3.0);
        let logarithmic_y = y_low / 1.6..y_high * headroom;
        match (self.x_is_logarithmic, self.y_is_logarithmic) {
            (false, false) => self.draw_on(panel, x, linear_y),
            (false, true) => self.draw_on(panel, x, logarithmic_y.log_scale()),
            (true, false) => self.draw_on(panel, x.log_scale(), linear_y),
            (true, true) => self.draw_on(panel, x.log_scale(), logarithmic_y.log_scale()),
        }
    }

    fn draw_on<X, Y>(&self, panel: &Panel<'_>, x: X, y: Y) -> Outcome<()>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(panel)
            .caption(self.title, text(17, Pos::new(HPos::Left, VPos::Top)))
            .margin(14)
            .margin_right(28)
            .x_label_area_size(44)
            .y_label_area_size(66)
            .build_cartesian_2d(x, y)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.x_axis).y_desc(self.y_axis);
        mesh.x_label_formatter(&|value| number(*value));
        mesh.y_label_formatter(&|value| number(*value));
        mesh.bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(INK);
        mesh.label_style(text(12, Pos::default())).draw()?;
        for (place, (name, points)) in self.series.iter().enumerate() {
            let colour = colour(place);
            let line = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), line))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], line));
            if points.len() <= 16 {
                let dot = |point: &(f64, f64)| Circle::new(*point, 4, colour.filled());
                chart.draw_series(points.iter().map(dot))?;
            }
        }
        legend(&mut chart, SeriesLabelPosition::UpperLeft)
    }
}

/// In a corner that pictures leave free: their values grow to the right.
fn legend<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    place: SeriesLabelPosition,
) -> Outcome<()>
where
    X: Ranged,
    Y: Ranged,
{
    let mut labels = chart.configure_series_labels();
    labels.position(place).margin(8).legend_area_size(20);
    labels.background_style(WHITE.mix(0.85)).border_style(PALE);
    labels.label_font(text(12, Pos::default()));
    Ok(labels.draw().map_err(|error| error.to_string())?)
}

/// Of a picture's coordinates those of its panel.
trait StripCoord {
    fn strip_coord(&self, place: (i32, i32), down: i32) -> (i32, i32);
}

impl StripCoord for Panel<'_> {
    fn strip_coord(&self, (x, y): (i32, i32), down: i32) -> (i32, i32) {
        let (left, top) = self.get_base_pixel();
        (x - left, y - top + down)
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high { (1.0, 2.0) } else { (low, high) }
}

/// With three digits that mean something, and thousands apart.
pub(super) fn number(value: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{} M", number(value / 1e6));
    }
    if value.abs() >= 1e4 {
        return format!("{} k", number(value / 1e3));
    }
    let digits = match value.abs() {
        small if small >= 100.0 || small.fract() < 1e-9 => 0,
        small if small >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short() {
        let told = [0.0, 0.25, 12.34, 456.7, 9876.0, 12_345.0, 1e6, 2.5e6].map(number);
        assert_eq!(
            told,
            [
                "0", "0.25", "12.3", "457", "9876", "12.3 k", "1 M", "2.50 M"
            ]
        );
    }
}
