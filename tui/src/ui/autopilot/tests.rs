//! The screen at three sizes.

use std::time::Duration;

use autopilot::{BasketCounts, BookStock, ByOperation, Latency, Mix, OperationStats, Outcomes, Second, Settings};
use common::{ItemNumber, Seq, Stock};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::app::{Command, RunStatus};
use crate::theme::Theme;
use crate::ui::ScreenView;

fn snapshot() -> Snapshot {
    let series = (0..90_u64)
        .map(|second| Second {
            requests: 900 + second * 37 % 250,
            sold: 300_u64.saturating_sub(second * 4),
            failed: 0,
            p50_us: 800 + second % 5 * 40,
            p95_us: 2_100 + second % 7 * 150,
            p99_us: 4_000 + second % 11 * 300,
            ..Second::default()
        })
        .collect();
    let operation = OperationStats {
        requests: 30_000,
        ok: 29_000,
        failed: 1_000,
        latency_us: Latency {
            p50: 810,
            p95: 2_300,
            p99: 4_700,
            p999: 9_000,
            max: 30_000,
        },
    };
    let stock = |copies: u32| Stock::try_from(u64::from(copies)).unwrap();
    let book = |(item, title, start, left): (u64, &str, u32, u32)| BookStock {
        item: ItemNumber::try_from(item).unwrap(),
        title: title.into(),
        start: stock(start),
        sold: u64::from(start - left),
        left: stock(left),
        seq: Seq(1),
    };
    Snapshot {
        phase: Phase::Running,
        settings: Settings {
            seed: 1,
            mix: Mix::RANDOM,
            duration: Some(Duration::from_secs(300)),
            ..Settings::default()
        },
        shoppers: 8,
        elapsed: Duration::from_secs(90),
        requests: 90_000,
        operations: ByOperation::new(|_| operation),
        baskets: None,
        schedule: None,
        outcomes: Outcomes {
            sold: 1_100,
            sold_out: 27_900,
            unavailable: 3,
            unknown: 0,
            error: 0,
        },
        series,
        stock: [
            (1, "How to get a good grade in 677 in 20 minutes a day", 400, 100),
            (2, "RPCs for Dummies", 500, 499),
            (3, "Xen and the Art of \u{1b}[31mSurviving", 300, 1),
            (4, "Cooking for the Impatient Graduate Student", 500, 0),
        ]
        .map(book)
        .into(),
        books: 4,
        copies_start: 1_700,
        copies_left: 600,
        last_error: None,
        violations: 0,
        verdict: None,
    }
}

/// The screen of a run that never changes.
pub(crate) struct SnapshotView(Snapshot);

impl SnapshotView {
    /// A run with the largest numbers.
    pub(crate) fn large() -> Self {
        let mut large = snapshot();
        let operation = OperationStats {
            requests: 1_234_567,
            ok: 1_234_000,
            failed: 567,
            latency_us: Latency {
                p50: 81_000,
                p95: 230_000,
                p99: 12_470_000,
                p999: 30_000_000,
                max: 30_000_000,
            },
        };
        large.operations = ByOperation::new(|_| operation);
        large.baskets = Some(BasketCounts {
            orders: 1_000_000,
            lines: 12_500_000,
            refused_for_one_line: 123_456,
        });
        large.stock[2].title = "Xen and the Art of Surviving".into();
        large.stock[0] = BookStock {
            title: "How to get a good grade".into(),
            item: ItemNumber::try_from(9_781_402_894_626).unwrap(),
            start: Stock::try_from(1_000_000).unwrap(),
            left: Stock::try_from(123_456).unwrap(),
            ..large.stock[0].clone()
        };
        Self(large)
    }
}

impl ScreenView for SnapshotView {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, appearance: &Appearance) {
        draw(frame, area, appearance, &self.0, &Charts::default(), false);
    }

    fn run(&mut self, _: Command) {}

    fn status(&self) -> RunStatus {
        RunStatus::default()
    }
}

fn drawn(width: u16, height: u16, snapshot: &Snapshot, ascii: bool) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let appearance = Appearance::new(Theme::Dark, ascii, false);
    terminal
        .draw(|frame| draw(frame, frame.area(), &appearance, snapshot, &Charts::default(), false))
        .unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_small_terminal_shows_everything_in_one_column() {
    insta::assert_snapshot!(drawn(60, 20, &snapshot(), false));
}

#[test]
fn a_usual_terminal_shows_the_charts_side_by_side() {
    insta::assert_snapshot!(drawn(100, 30, &snapshot(), false));
}

#[test]
fn a_large_terminal_shows_charts_and_numbers_side_by_side() {
    insta::assert_snapshot!(drawn(160, 45, &snapshot(), false));
}

#[test]
fn a_store_that_is_away_is_named_above_the_charts() {
    let mut away = snapshot();
    away.last_error = Some("cannot reach http://127.0.0.1:8080: Connection refused".to_owned());
    let screen = drawn(100, 30, &away, false);
    assert!(screen.contains("! cannot reach http://127.0.0.1:8080: Connection refused"));
}

#[test]
fn plain_ascii_is_plain_ascii() {
    let mut plain = snapshot();
    plain
        .stock
        .retain(|row| row.title.is_ascii() && !row.title.contains('\u{1b}'));
    for (width, height) in [(60, 20), (100, 30), (160, 45)] {
        let screen = drawn(width, height, &plain, true);
        assert!(screen.is_ascii(), "{screen}");
    }
}

#[test]
fn every_size_can_be_drawn() {
    let mut empty = snapshot();
    empty.series.clear();
    empty.stock.clear();
    for width in [1, 5, 20, 60, 90, 140, 200] {
        for height in [1, 2, 5, 10, 60] {
            drawn(width, height, &snapshot(), false);
            drawn(width, height, &empty, false);
        }
    }
}
