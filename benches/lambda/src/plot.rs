//! A picture of the cold start.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::CaseReport;

const SIZE: (u32, u32) = (720, 250);
const BAR: i32 = 13;
const ROW: i32 = 42;
/// Where the bars begin, and how long the longest is.
const LEFT: i32 = 190;
const LONGEST: f64 = 420.0;
const WALL: RGBColor = RGBColor(31, 119, 180);
const CPU: RGBColor = RGBColor(255, 152, 72);
const TEXT: RGBColor = RGBColor(60, 60, 60);

/// Draws, for each contestant, the time until its answer and the processor's time.
pub fn draw(case: &CaseReport, file: &Path) -> Result<()> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let style = |size: f64| ("sans-serif", size).into_font().color(&TEXT);
    let title = "Cold start of start until its answer, milliseconds";
    area.draw(&Text::new(title, (12, 12), style(16.0)))?;
    for (index, (name, color)) in [("until the answer", WALL), ("processor", CPU)].into_iter().enumerate() {
        let left = 430 + index as i32 * 150;
        area.draw(&Rectangle::new([(left, 16), (left + 10, 26)], color.filled()))?;
        area.draw(&Text::new(name, (left + 16, 14), style(13.0)))?;
    }
    let shown = || case.contestants.iter().filter(|figures| !figures.name.starts_with(' '));
    let longest = shown().map(|figures| figures.answer.median.max(figures.cpu.median)).fold(1.0, f64::max);
    for (row, figures) in shown().enumerate() {
        let top = 52 + row as i32 * ROW;
        let right = style(14.0).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(figures.name, (LEFT - 10, top + BAR), right))?;
        for (line, (value, color)) in [(figures.answer.median, WALL), (figures.cpu.median, CPU)].into_iter().enumerate()
        {
            let (top, length) = (top + line as i32 * (BAR + 2), (value / longest * LONGEST).round() as i32);
            area.draw(&Rectangle::new([(LEFT, top), (LEFT + length, top + BAR)], color.filled()))?;
            let middle = style(13.0).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(format!("{value:.1}"), (LEFT + length + 6, top + BAR / 2 + 1), middle))?;
        }
    }
    area.present()?;
    Ok(())
}
