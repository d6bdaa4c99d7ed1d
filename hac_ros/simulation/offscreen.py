"""Pictures without a screen: which OpenGL works on this machine, and a camera that uses it.

MuJoCo draws with EGL (Mesa's llvmpipe where there is no GPU) or with OSMesa; both are libraries of the system, not of
Python. Each is tried in a process of its own, because PyOpenGL can be bound to one platform only and a broken
driver may end the process. ``python -m hac_ros.simulation.offscreen egl`` is such a trial.
"""
import functools
import importlib
import os
import subprocess
import sys

import mujoco
import numpy as np

BACKENDS = ('egl', 'osmesa')
TRIAL = 60.0         # [s] a trial may take on a busy machine
MOST_GEOMS = 2000    # of a scene: Fetch has some 100, marks a few hundred
LARGE = 400          # [pixels] from this width on the font is larger
ADVICE = ('no OpenGL for pictures without a screen works here: install one with `sudo apt install libegl1 '
          'libgl1-mesa-dri` (or `libosmesa6`)')


class NoOpenGL(OSError):
    """Nothing on this machine can draw; the message tells what to install."""


@functools.cache
def backend(wanted: str = '') -> str:
    """Return the first of BACKENDS that draws here; ``wanted``, or else MUJOCO_GL, is the only one tried if it is set.

    Raises NoOpenGL, which tells what to install.
    """
    wanted = (wanted or os.environ.get('MUJOCO_GL', '')).lower()
    if wanted and wanted not in BACKENDS:
        raise NoOpenGL(f'MUJOCO_GL={wanted} came; one of {", ".join(BACKENDS)}, or nothing, is wanted')
    for name in (wanted,) if wanted else BACKENDS:
        if draws(name):
            return name
    raise NoOpenGL(f'{ADVICE}; tried {wanted or ", ".join(BACKENDS)}')


def draws(name: str) -> bool:
    """Whether ``name`` draws here, tried in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if key not in ('PYOPENGL_PLATFORM', 'MUJOCO_GL')}
    try:
        return subprocess.run([sys.executable, '-m', __name__, name], capture_output=True, timeout=TRIAL,
                              env={**environment, 'PYOPENGL_PLATFORM': name}, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Camera:
    """Draws a model from one viewpoint into arrays. Used by one thread, closed when no longer needed."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int, name: str | None = None):
        """``name``: of BACKENDS, by default the one that works. Raises NoOpenGL."""
        name = name or backend()
        os.environ.setdefault('PYOPENGL_PLATFORM', name)
        self.model, self.viewport = model, mujoco.MjrRect(0, 0, width, height)
        self.gl = importlib.import_module(f'mujoco.{name}').GLContext(width, height)
        self.gl.make_current()
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
        model.vis.global_.offheight = max(model.vis.global_.offheight, height)
        font = mujoco.mjtFontScale.mjFONTSCALE_150 if width >= LARGE else mujoco.mjtFontScale.mjFONTSCALE_100
        self.context = mujoco.MjrContext(model, font)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        self.scene = mujoco.MjvScene(model, maxgeom=MOST_GEOMS)
        self.options, self.view = mujoco.MjvOption(), mujoco.MjvCamera()
        self.options.sitegroup[:] = 0      # the model's own goal site stays where the file puts it
        self.pixels = np.empty((height, width, 3), dtype=np.uint8)

    def look(self, at: tuple[float, float, float], distance: float, azimuth: float, elevation: float) -> None:
        """Look ``at`` a point [m] from ``distance`` [m], angles in degrees as MuJoCo's free camera counts them."""
        self.view.lookat[:], self.view.distance = at, distance
        self.view.azimuth, self.view.elevation = azimuth, elevation

    def picture(self, data: mujoco.MjData, mark=lambda scene: None, text: str = '') -> np.ndarray:
        """Return what is seen, (height, width, 3) uint8, with ``text`` in its corner. ``data``: after mj_forward.

        ``mark(scene)`` may add geoms.
        """
        mujoco.mjv_updateScene(self.model, data, self.options, None, self.view, mujoco.mjtCatBit.mjCAT_ALL, self.scene)
        mark(self.scene)
        mujoco.mjr_render(self.viewport, self.scene, self.context)
        if text:
            mujoco.mjr_overlay(mujoco.mjtFont.mjFONT_NORMAL, mujoco.mjtGridPos.mjGRID_TOPLEFT, self.viewport, text, '',
                               self.context)
        mujoco.mjr_readPixels(self.pixels, None, self.viewport, self.context)
        return self.pixels[::-1].copy()

    def close(self) -> None:
        """Free what OpenGL holds."""
        self.context.free()
        self.gl.free()


def main() -> int:
    """Draw one pixel with the backend that the command line names; the exit status tells whether it is red."""
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><visual><headlight ambient="1 1 1"/></visual>'
        '<worldbody><geom size="1" rgba="1 0 0 1"/></worldbody></mujoco>')
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = Camera(model, 16, 16, sys.argv[1])
    red, green, _ = camera.picture(data)[8, 8]
    camera.close()
    return 0 if red > 100 > green else 1


if __name__ == '__main__':
    sys.exit(main())
