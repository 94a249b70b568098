//! The time series of a run: a CSV file with a line per second, and an overview of the run in constant memory for charts.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::schedule::ScheduleStats;
use super::tally::Second;
use super::{Error, Settings};

/// The most points of an overview; beyond it, adjacent points are merged.
const POINTS_MAX: usize = 1_200;

const HEAD: &str = "second,requests,sold,failed,p50_us,p95_us,p99_us";
/// Additional columns if purchases can have several lines.
const BASKET_HEAD: &str = ",lines_per_order,refused_for_one_line";
/// Additional columns in an open loop.
const SCHEDULE_HEAD: &str = ",due,begun,not_begun,oldest_unfinished_us";

/// The time series of a whole run, in points of `stride_s` seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Overview {
    /// Seconds in each point.
    pub(super) stride_s: u64,
    /// The points, oldest first: sums of counts, maxima of latencies.
    pub(super) points: Vec<Second>,
    /// Seconds in the last point, which may be incomplete.
    last_s: u64,
}

impl Overview {
    fn push(&mut self, second: Second) {
        self.stride_s = self.stride_s.max(1);
        if self.points.len() == POINTS_MAX && self.last_s == self.stride_s {
            let pairs = self.points.chunks(2).map(|pair| pair.iter().copied());
            self.points = pairs.map(|pair| pair.fold(Second::default(), join)).collect();
            self.stride_s *= 2;
            self.last_s = self.stride_s;
        }
        match self.points.last_mut() {
            Some(last) if self.last_s < self.stride_s => {
                *last = join(*last, second);
                self.last_s += 1;
            }
            _ => {
                self.points.push(second);
                self.last_s = 1;
            }
        }
    }
}

fn join(a: Second, b: Second) -> Second {
    let mut baskets = a.baskets;
    baskets += b.baskets;
    Second {
        baskets,
        requests: a.requests + b.requests,
        sold: a.sold + b.sold,
        failed: a.failed + b.failed,
        p50_us: a.p50_us.max(b.p50_us),
        p95_us: a.p95_us.max(b.p95_us),
        p99_us: a.p99_us.max(b.p99_us),
        schedule: ScheduleStats {
            due: a.schedule.due + b.schedule.due,
            begun: a.schedule.begun + b.schedule.begun,
            not_begun: a.schedule.not_begun.max(b.schedule.not_begun),
            oldest_unfinished_us: a.schedule.oldest_unfinished_us.max(b.schedule.oldest_unfinished_us),
        },
    }
}

/// Writes the CSV file and builds the overview.
#[derive(Debug)]
pub(super) struct Series {
    overview: Overview,
    file: Option<(PathBuf, BufWriter<File>)>,
    has_baskets: bool,
    has_schedule: bool,
    seconds: u64,
}

impl Series {
    /// Creates the CSV file if the settings name one.
    pub(super) async fn create(settings: &Settings) -> Result<Self, Error> {
        let (has_baskets, has_schedule) = (settings.basket.is_several(), settings.rate.is_some());
        let file = match settings.csv.clone() {
            None => None,
            Some(path) => Some(
                write_file(path, move |path| {
                    let mut file = BufWriter::new(File::create(path)?);
                    let baskets = if has_baskets { BASKET_HEAD } else { "" };
                    let schedule = if has_schedule { SCHEDULE_HEAD } else { "" };
                    writeln!(file, "{HEAD}{baskets}{schedule}")?;
                    Ok((path.to_owned(), file))
                })
                .await?,
            ),
        };
        Ok(Self {
            overview: Overview::default(),
            file,
            has_baskets,
            has_schedule,
            seconds: 0,
        })
    }

    /// Adds a second. The first write error is logged and ends the writing of the file.
    pub(super) fn push(&mut self, second: Second) {
        self.seconds += 1;
        self.overview.push(second);
        let Second {
            requests,
            sold,
            failed,
            p50_us,
            p95_us,
            p99_us,
            baskets,
            schedule,
        } = second;
        let mut line = format!("{},{requests},{sold},{failed},{p50_us},{p95_us},{p99_us}", self.seconds);
        if self.has_baskets {
            let refused = baskets.refused_for_one_line;
            line += &format!(",{:.2},{refused}", baskets.lines_per_order());
        }
        if self.has_schedule {
            let ScheduleStats {
                due,
                begun,
                not_begun,
                oldest_unfinished_us,
            } = schedule;
            line += &format!(",{due},{begun},{not_begun},{oldest_unfinished_us}");
        }
        // Flushed each second, so that the file survives a kill of the run.
        self.write(|file| writeln!(file, "{line}").and_then(|()| file.flush()));
    }

    /// Ends the series and returns the overview.
    pub(super) fn close(mut self) -> Overview {
        self.write(Write::flush);
        self.overview
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some((path, file)) = &mut self.file
            && let Err(error) = write(file)
        {
            tracing::warn!(%error, path = %path.display(), "the CSV file cannot be written; it ends here");
            self.file = None;
        }
    }
}

/// Writes to a file on a blocking thread.
pub(super) async fn write_file<T: Send + 'static>(
    path: PathBuf,
    write: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let name = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || write(&path))
        .await
        .map_err(|_| Error::Lost)?;
    written.map_err(|error| Error::File {
        path: name,
        error: Arc::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_sums_and_maxima_in_a_bounded_number_of_points() {
        let mut overview = Overview::default();
        for second in 1..=5_000 {
            overview.push(Second {
                requests: 1,
                p99_us: second,
                ..Second::default()
            });
        }
        assert_eq!(overview.stride_s, 8);
        assert!(overview.points.len() <= POINTS_MAX);
        assert_eq!(overview.points.iter().map(|point| point.requests).sum::<u64>(), 5_000);
        assert_eq!(overview.points.last().unwrap().p99_us, 5_000);
        assert!(overview.points.iter().rev().skip(1).all(|point| point.requests == 8));
    }
}
