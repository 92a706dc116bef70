"""The storage account that is linked to a Batch account. It is one of Azurite's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

CONTAINER = "app-packages"


class LinkedStorage:
    """Stores the contents of application packages. `permission` is what its signed URLs allow."""

    def __init__(self, connection_string: str) -> None:
        self.permission = "rcw"
        self._service = BlobServiceClient.from_connection_string(connection_string)
        self._container = self._service.create_container(CONTAINER)

    def url(self, application: str, version: str) -> str:
        name = f"{application}-{version}"
        signature = generate_blob_sas(
            str(self._service.account_name),
            CONTAINER,
            name,
            account_key=self._service.credential.account_key,
            permission=BlobSasPermissions.from_string(self.permission),
            expiry=datetime.now(UTC) + timedelta(hours=4),
        )
        return f"{self._container.get_blob_client(name).url}?{signature}"

    def holds(self, archive: Path) -> bool:
        content = self._container.get_blob_client("letter_count-1.2.3").download_blob().readall()
        return content == archive.read_bytes()

    def put(self, file: Path) -> None:
        self._container.get_blob_client("letter_count-1.2.3").upload_blob(file.read_bytes())

    def remove(self) -> None:
        self._container.get_blob_client("letter_count-1.2.3").delete_blob()

    def close(self) -> None:
        self._service.close()
