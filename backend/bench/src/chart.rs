//! The goals as a picture: how far each got, with the goal as a line.

use std::fmt::Write as _;

use crate::goal::Goal;

const LABEL_WIDTH: f64 = 620.0;
/// From nothing to the goal.
const GOAL_WIDTH: f64 = 180.0;
/// Longer bars are cut.
const PART_MAX: f64 = 2.0;
const NUMBERS_WIDTH: f64 = 170.0;
const ROW_HEIGHT: f64 = 26.0;
const HEAD_HEIGHT: f64 = 44.0;

/// An SVG document.
pub(crate) fn draw(goals: &[Goal]) -> String {
    let width = LABEL_WIDTH + GOAL_WIDTH * PART_MAX + NUMBERS_WIDTH;
    let rows: f64 = goals.iter().map(|_| ROW_HEIGHT).sum();
    let (height, line) = (HEAD_HEIGHT + rows + 12.0, LABEL_WIDTH + GOAL_WIDTH);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>What was measured, against its goal</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <text x=\"{line}\" y=\"24\" text-anchor=\"middle\" fill=\"#57606a\">goal</text>\n"
    );
    let mut top = HEAD_HEIGHT;
    for goal in goals {
        let (part, is_cut) = match goal.relative() {
            part if part > PART_MAX => (PART_MAX, true),
            part => (part.max(0.0), false),
        };
        let (length, base) = (part * GOAL_WIDTH, top + 17.0);
        let fill = if goal.is_reached() { "#2da44e" } else { "#d4722e" };
        let [measured, wanted] = goal.numbers().map(|number| escape(&number));
        let more = if is_cut { " →" } else { "" };
        // Writing into memory cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\" fill=\"#1f2328\">{}</text>\n\
             <rect x=\"{LABEL_WIDTH}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" fill=\"{fill}\"/>\n\
             <text x=\"{:.1}\" y=\"{base}\" fill=\"#1f2328\">{measured}{more} ({wanted})</text>\n",
            LABEL_WIDTH - 8.0,
            escape(goal.what()),
            top + 4.0,
            LABEL_WIDTH + length.max(GOAL_WIDTH) + 8.0,
        );
        top += ROW_HEIGHT;
    }
    let _ = write!(
        svg,
        "<line x1=\"{line}\" y1=\"{}\" x2=\"{line}\" y2=\"{top}\" stroke=\"#1f2328\" stroke-dasharray=\"4 3\"/>\n</svg>\n",
        HEAD_HEIGHT - 12.0
    );
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
