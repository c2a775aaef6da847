//! Interrupt and termination: the run saves its state before it ends.

use gradus::{Error, ErrorKind, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signals that ask the program to end.
pub struct Signals {
    /// The number of the received signal, 0 for none.
    received: Arc<AtomicUsize>,
    /// Whether the next signal ends the program at once.
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers.
    /// From now on the first signal is kept for [`received`](Self::received),
    /// and a second one ends the program at once.
    pub fn watch() -> Result<Signals> {
        let signals = Signals {
            received: Arc::default(),
            at_once: Arc::default(),
        };
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the second signal must find the flag that the first one set.
            flag::register_conditional_default(signal, signals.at_once.clone())
                .and_then(|_| flag::register(signal, signals.at_once.clone()))
                .and_then(|_| {
                    flag::register_usize(signal, signals.received.clone(), signal as usize)
                })
                .map_err(|e| {
                    let text = format!("signals cannot be watched: {e}");
                    Error::new(ErrorKind::Data, text).caused_by(e)
                })?;
        }
        Ok(signals)
    }

    /// The received signal.
    pub fn received(&self) -> Option<u8> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            number => u8::try_from(number).ok(),
        }
    }

    /// From now on a signal ends the program at once, because everything is saved.
    pub fn leave(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }
}
