//! Checks what tensors state about their data against the data: damage that would otherwise show only when somebody runs the model.

use super::proto::TensorProto;
use super::{DataType, Error, ModelFile, external};

impl ModelFile {
    /// Checks the data of every tensor of the model, the sizes of data files included. A data file that is missing is an error
    /// if `all` must be there.
    ///
    /// # Errors
    /// The first tensor whose data is damaged, cut off, kept outside the model's folder, or missing.
    pub fn check_data(&self, all: bool) -> Result<(), Error> {
        let mut result = Ok(());
        external::tensors_of_model(self.model(), &mut |tensor| {
            if result.is_ok() {
                result = self.check_tensor(tensor, all);
            }
        });
        result
    }

    /// The error for the first tensor whose data file is missing.
    pub fn missing_data(&self) -> Option<Error> {
        let missing = |error: &Error| matches!(error, Error::MissingData { .. });
        self.check_data(true).err().filter(missing)
    }

    fn check_tensor(&self, tensor: &TensorProto, all: bool) -> Result<(), Error> {
        let damaged = |cause| Error::Tensor {
            file: self.path.clone(),
            tensor: tensor.name().to_owned(),
            cause,
            external: tensor.is_external(),
        };
        let need = byte_len(tensor);
        if !tensor.is_external() {
            let have = tensor.raw_data.as_ref().map(|raw| raw.len());
            return match (have, need) {
                (Some(have), Some(need)) if have != need => Err(damaged(format!(
                    "{have} bytes of data where its shape and type need {need}"
                ))),
                _ => Ok(()),
            };
        }
        let missing = external::check(&self.path, tensor, need.map(|n| n as u64));
        match missing.map_err(damaged)? {
            Some((location, cause)) if all => Err(Error::MissingData {
                file: self.path.clone(),
                tensor: tensor.name().to_owned(),
                location: location.to_owned(),
                cause,
            }),
            _ => Ok(()),
        }
    }
}

/// How many bytes a tensor's data takes, where its type and shape say so.
pub(crate) fn byte_len(tensor: &TensorProto) -> Option<usize> {
    let sizes = tensor.dims.iter().map(|n| usize::try_from(*n).ok());
    let count = sizes.reduce(|a, b| a?.checked_mul(b?)).unwrap_or(Some(1))?;
    DataType::from_onnx(tensor.data_type())?.byte_len(count)
}
