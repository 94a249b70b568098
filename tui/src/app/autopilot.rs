//! What the shop knows of the autopilot; the run itself is behind [`crate::ui::ScreenView`].

/// The autopilot's part of the state.
#[derive(Debug)]
pub struct AutopilotState {
    /// Whether the autopilot can be used, or why not.
    pub available: Result<(), String>,
    /// The state of the run.
    pub status: RunStatus,
}

/// The state of a run, as far as keys and hints depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunStatus {
    /// Shoppers buy, or are paused.
    pub running: bool,
    /// A run was started, whether or not it has ended.
    pub has_run: bool,
    /// The shoppers are paused.
    pub paused: bool,
    /// The run is being stopped.
    pub stopping: bool,
    /// The charts do not move.
    pub frozen: bool,
    /// One chart fills the whole screen.
    pub expanded: bool,
}
