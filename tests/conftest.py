"""How many examples a law is tried on: few at every commit, many when ``--hypothesis-profile thorough`` asks for them.

And a server that speaks S3.
"""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest
from hypothesis import settings

# No deadline: it is a law that is tried, and a busy machine is slow at times.
settings.register_profile("commit", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("commit")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Give the address of a server that speaks S3, which the environment names; it has no bucket yet."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    pytest.importorskip("s3fs")
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.delenv("AWS_PROFILE", raising=False)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield f"http://{host}:{port}"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    patch.undo()
    server.stop()
