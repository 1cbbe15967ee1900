//! The findings as a picture.

use std::path::Path;

use plotters::{
    prelude::{
        ChartBuilder, IntoDrawingArea as _, IntoSegmentedCoord as _, PathElement, Rectangle, SVGBackend, SegmentValue,
    },
    style::{Color as _, RGBColor, ShapeStyle, WHITE},
};

use crate::{failure::Failure, finding::Finding};

const GOOD: RGBColor = RGBColor(46, 125, 80);
const BAD: RGBColor = RGBColor(190, 60, 50);
const LINE: RGBColor = RGBColor(60, 60, 60);
/// Longer bars are cut, so that those near their target can be told apart.
const LONGEST: f64 = 3.0;

/// Draws a bar for each finding: how many times better it is than it must be.
pub(crate) fn draw(findings: &[Finding], path: &Path) -> Result<(), Failure> {
    bars(findings, path).map_err(|error| Failure::Wrong(format!("can't draw {}: {error}", path.display())))
}

fn bars(findings: &[Finding], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let height = 90 + 36 * u32::try_from(findings.len())?;
    let area = SVGBackend::new(path, (760, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let last = findings.len().saturating_sub(1);
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .caption("Times better than it must be (1 is just enough)", ("sans-serif", 16))
        .x_label_area_size(28)
        .y_label_area_size(230)
        .build_cartesian_2d(0.0..LONGEST, (0..last).into_segmented())?;
    let name = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(at) => findings.iter().rev().nth(*at).map(|it| it.name.to_owned()).unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().y_labels(findings.len()).y_label_formatter(&name).label_style(("sans-serif", 13)).draw()?;
    // The first at the top.
    chart.draw_series(findings.iter().rev().enumerate().map(|(at, finding)| {
        let colour = if finding.is_met() { GOOD } else { BAD };
        let corners = [(0.0, SegmentValue::Exact(at)), (finding.margin().min(LONGEST), SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, colour.filled());
        bar.set_margin(5, 5, 0, 0);
        bar
    }))?;
    let (bottom, top) = (SegmentValue::Exact(0), SegmentValue::Exact(last + 1));
    chart.draw_series([PathElement::new([(1.0, bottom), (1.0, top)], ShapeStyle::from(LINE).stroke_width(2))])?;
    area.present()?;
    Ok(())
}
