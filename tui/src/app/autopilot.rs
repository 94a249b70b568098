//! The autopilot's state in the app. [`crate::ui::ScreenView`] holds the run.

#[derive(Debug)]
pub(crate) struct AutopilotState {
    /// Whether the autopilot can be used, or why not.
    pub(crate) available: Result<(), String>,
    pub(crate) status: RunStatus,
}

/// The part of a run's state that keys and hints depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RunStatus {
    /// Whether the run has not ended; true also while it is paused.
    pub(crate) running: bool,
    /// Whether a run was started, even if it has ended.
    pub(crate) has_run: bool,
    pub(crate) paused: bool,
    pub(crate) stopping: bool,
    /// Whether the charts are frozen.
    pub(crate) frozen: bool,
    /// Whether one chart fills the whole screen.
    pub(crate) expanded: bool,
    /// The shoppers of this run, or of the next one.
    pub(crate) shoppers: u32,
}
