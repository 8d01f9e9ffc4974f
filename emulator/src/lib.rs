//! An Amazon Lightsail endpoint on this machine, for development and tests.
