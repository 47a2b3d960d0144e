//! Readiness: every part says for itself whether it makes progress.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The readiness of all parts of a service. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    draining: bool,
    /// `None` is ready, `Some` says why not.
    components: BTreeMap<&'static str, Option<String>>,
}

/// One part's handle to its own readiness.
#[derive(Debug, Clone)]
pub struct Component {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Announces a part; it is not ready until it says so.
    #[must_use]
    pub fn component(&self, name: &'static str) -> Component {
        let component = Component { name, health: self.clone() };
        component.not_ready("starting");
        component
    }

    /// The service is ending: not ready any more, whatever its parts say.
    pub fn drain(&self) {
        self.with(|state| state.draining = true);
    }

    /// Why the service is not ready, one line a reason; empty when it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.with(|state| {
            let draining = state.draining.then(|| "service: ending".to_owned());
            // Before its first part has announced itself, a service is not ready either.
            let starting = state.components.is_empty().then(|| "service: starting".to_owned());
            let parts = state.components.iter().filter_map(|(name, why)| Some(format!("{name}: {}", why.as_ref()?)));
            draining.into_iter().chain(starting).chain(parts).collect()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // The state is valid after every single assignment, so a panic elsewhere does not spoil it.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Component {
    /// This part makes progress.
    pub fn ready(&self) {
        self.health.with(|state| state.components.insert(self.name, None));
    }

    /// This part makes no progress; `why` is shown at `/readyz`.
    pub fn not_ready(&self, why: impl Into<String>) {
        let why = why.into();
        self.health.with(|state| state.components.insert(self.name, Some(why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_all_parts_are_and_never_while_it_ends() {
        let health = Health::default();
        assert_eq!(health.reasons(), ["service: starting"]);
        let consumer = health.component("consumer");
        assert_eq!(health.reasons(), ["consumer: starting"]);
        consumer.ready();
        assert!(health.reasons().is_empty());
        health.drain();
        assert_eq!(health.reasons(), ["service: ending"]);
    }
}
