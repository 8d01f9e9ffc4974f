//! The credentials that calls are signed with, and when they are asked for anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_lightsail::config::{
    ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, SharedIdentityCache,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};

/// How long it may take to get credentials, so that a call says what it lacks before its attempt
/// is over.
const LOAD: Duration = Duration::from_secs(5);

/// The SDK's cache of credentials, which can be told to forget them. By itself it keeps them until
/// the date that they came with, whatever Lightsail says of them by then.
#[derive(Debug, Clone)]
pub struct KeptCredentials(Arc<Mutex<SharedIdentityCache>>);

impl Default for KeptCredentials {
    /// None yet.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Self::empty())))
    }
}

impl KeptCredentials {
    fn empty() -> SharedIdentityCache {
        IdentityCache::lazy().load_timeout(LOAD).build()
    }

    /// The next call asks for credentials anew.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Self::empty();
    }
}

impl ResolveCachedIdentity for KeptCredentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, components, config)
                .await
        })
    }
}
