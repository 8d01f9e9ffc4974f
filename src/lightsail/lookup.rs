//! Looks up single snapshots.

use tokio::time::{Instant, sleep};

use super::Lightsail;
use super::classify::found;
use super::retry::Call;
use crate::model::failure::{ApiError, ErrorKind};
use crate::model::region::Region;
use crate::model::resource::Snapshot;

impl Lightsail {
    /// Finds the snapshot of an instance ([GetInstanceSnapshot]) or of a disk ([GetDiskSnapshot])
    /// by its name.
    ///
    /// [GetInstanceSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetInstanceSnapshot.html
    /// [GetDiskSnapshot]: https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDiskSnapshot.html
    pub async fn find_snapshot(
        &self,
        region: Region,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Snapshot>, ApiError> {
        let call = Call::new("GetInstanceSnapshot", region, deadline);
        let of_instance = self.call(call, |client| {
            let request = client.get_instance_snapshot();
            request.instance_snapshot_name(name).send()
        });
        match of_instance.await {
            Ok(answer) => {
                let snapshot = found(call.operation, answer.instance_snapshot)?;
                return Ok(Some(snapshot.into()));
            }
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let call = Call::new("GetDiskSnapshot", region, deadline);
        let of_disk = self.call(call, |client| {
            client.get_disk_snapshot().disk_snapshot_name(name).send()
        });
        match of_disk.await {
            Ok(answer) => {
                let snapshot = found(call.operation, answer.disk_snapshot)?;
                Ok(Some(snapshot.into()))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until the snapshot that has a name is found. Lightsail can refuse a name before it
    /// shows the snapshot. Returns `None` if there is none at the deadline.
    pub async fn wait_for_snapshot(
        &self,
        region: Region,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Snapshot>, ApiError> {
        let mut attempt = 1;
        loop {
            match self.find_snapshot(region, name, deadline).await {
                Ok(None) => {}
                // An earlier attempt found nothing.
                Err(error) if error.kind == ErrorKind::NoTime && attempt > 1 => return Ok(None),
                answer => return answer,
            }
            let pause = self.pause_before(attempt);
            if Instant::now() + pause >= deadline {
                return Ok(None);
            }
            sleep(pause).await;
            attempt += 1;
        }
    }
}
