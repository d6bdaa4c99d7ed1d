"""Skips what draws where no OpenGL can be had, and says why."""
import pytest

from hac_ros.simulation import offscreen


@pytest.fixture(scope='session')
def opengl() -> str:
    """Return the OpenGL that draws here."""
    try:
        return offscreen.backend()
    except offscreen.NoOpenGL as error:
        pytest.skip(str(error))
