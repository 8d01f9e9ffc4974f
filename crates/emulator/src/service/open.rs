//! What nobody has published about Lightsail. The defaults are the likely side.

use jiff::SignedDuration;
use serde::Deserialize;

use crate::api::error::ServiceError;
use crate::api::operation::Operation;
use crate::api::read;
use crate::api::resource::ResourceType;

/// The facts that are open, each with one of its possible answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenFacts {
    /// How CopySnapshot refuses a copy beyond the limit of copies in progress.
    pub copy_limit_wording: CopyLimitWording,
    /// Which Region the source ARN of a copy names.
    pub copy_arn_region: CopyArnRegion,
    /// Whether a copy was created when CopySnapshot was answered, or when its source was.
    pub copy_created_at: CopyCreatedAt,
    /// Whether `isFromAutoSnapshot` is true for the copy of an automatic snapshot.
    pub copy_is_from_auto_snapshot: bool,
    /// How long a new copy is missing in lookups and lists. In JSON in seconds.
    #[serde(rename = "copyInvisibleSeconds", deserialize_with = "read::seconds")]
    pub copy_invisible: SignedDuration,
    /// Whether a pending copy can be tagged.
    pub pending_copy_can_be_tagged: bool,
    /// Whether a pending copy can be deleted.
    pub pending_copy_can_be_deleted: bool,
    /// Whether a snapshot can be deleted while an instance or disk is being made from it.
    pub snapshot_in_use_can_be_deleted: bool,
    /// Whether DeleteInstance without `forceDeleteAddOns` refuses an instance with an add-on.
    pub add_ons_block_deletion: bool,
    /// Whether a create with tags also needs the permission for TagResource.
    pub create_with_tags_needs_tag_resource: bool,
}

impl Default for OpenFacts {
    fn default() -> Self {
        Self {
            copy_limit_wording: CopyLimitWording::default(),
            copy_arn_region: CopyArnRegion::default(),
            copy_created_at: CopyCreatedAt::default(),
            copy_is_from_auto_snapshot: true,
            copy_invisible: SignedDuration::ZERO,
            pending_copy_can_be_tagged: true,
            pending_copy_can_be_deleted: true,
            snapshot_in_use_can_be_deleted: true,
            add_ons_block_deletion: true,
            create_with_tags_needs_tag_resource: true,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyArnRegion {
    #[default]
    Source,
    Destination,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyCreatedAt {
    #[default]
    Copy,
    Source,
}

/// The refusal of a copy beyond the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CopyLimitWording {
    /// EC2's words, which Lightsail passes on.
    #[default]
    Ec2,
    /// EC2's words under EC2's code, `ResourceLimitExceeded`.
    Ec2Code,
    /// The words of Lightsail's other limits.
    Maximum,
    Quota,
    /// `LimitExceededException`.
    LimitExceeded,
}

impl CopyLimitWording {
    pub const ALL: [Self; 5] = [
        Self::Ec2,
        Self::Ec2Code,
        Self::Maximum,
        Self::Quota,
        Self::LimitExceeded,
    ];

    pub fn error(self, limit: usize) -> ServiceError {
        let ec2 = format!(
            "Too many snapshot copies in progress. The limit is {limit} for this destination region."
        );
        let (code, message) = match self {
            Self::Ec2 => ("OperationFailureException", ec2),
            Self::Ec2Code => ("ResourceLimitExceeded", ec2),
            Self::Maximum => (
                "InvalidInputException",
                format!(
                    "Sorry, you've reached your maximum limit of Lightsail snapshot copies : {limit}. \
                     Please try again later."
                ),
            ),
            Self::Quota => (
                "OperationFailureException",
                format!("The request would exceed the quota of {limit} snapshot copies."),
            ),
            Self::LimitExceeded => (
                "LimitExceededException",
                "The account has reached a limit.".to_owned(),
            ),
        };
        ServiceError::refused(code, message)
    }
}

/// A permission that the caller does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denial {
    pub operation: Operation,
    /// Only for TagResource and UntagResource, and for creates with tags: on this type. Default:
    /// on every type.
    #[serde(default)]
    pub resource_type: Option<ResourceType>,
}

/// Whether an account can use a Region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RegionAccess {
    #[default]
    Enabled,
    /// `UnrecognizedClientException`.
    NotEnabled,
    /// Enabled some minutes ago: `RegionSetupInProgressException`.
    SettingUp,
    /// Nobody answers: the connection is closed.
    NoEndpoint,
}

impl RegionAccess {
    pub(crate) fn error(self) -> Option<ServiceError> {
        match self {
            Self::Enabled | Self::NoEndpoint => None,
            Self::NotEnabled => Some(ServiceError::unrecognized_client()),
            Self::SettingUp => Some(ServiceError::refused(
                "RegionSetupInProgressException",
                "The setup of the Region is in progress. Please try again later.",
            )),
        }
    }
}
