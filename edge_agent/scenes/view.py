"""The camera's view: where a point of the world falls in the picture, and how deep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from edge_agent.types import FloatArray, Wh


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a camera stands and looks: metres and degrees; yaw 0 looks along x, 90 along y."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float  # below the horizon is negative
    roll: float
    hfov: float  # horizontal field of view


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A pinhole: the pose worked out for one picture size."""

    pose: Pose
    wh: Wh
    focal_px: float
    eye: FloatArray  # (3,)
    axes: FloatArray  # (3, 3): rows right, up, back

    def see(self, xyz: FloatArray) -> FloatArray:
        """Return points (N, 3) as seen from the camera: to its right, up, and backwards, m."""
        return np.asarray((xyz - self.eye) @ self.axes.T, np.float32)

    def depths(self, xyz: FloatArray) -> FloatArray:
        """Return how far (N, 3) points lie in front of the camera, along its axis, in m."""
        return np.asarray((self.eye - xyz) @ self.axes[2], np.float32)

    def project(self, xyz: ArrayLike) -> FloatArray:
        """Return the pixels (N, 2) of points (N, 3); points behind the camera are NaN."""
        seen = self.see(np.asarray(xyz, np.float32).reshape(-1, 3))
        depth = np.where(seen[:, 2] < -1e-3, -seen[:, 2], np.nan)
        px: FloatArray = np.stack(
            (
                self.wh[0] / 2 + self.focal_px * seen[:, 0] / depth,
                self.wh[1] / 2 - self.focal_px * seen[:, 1] / depth,
            ),
            axis=1,
        ).astype(np.float32)
        return px


def view_of(pose: Pose, wh: Wh) -> View:
    """Return the view of a camera at `pose` that makes pictures of `wh` pixels."""
    yaw, pitch, roll = (np.radians(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    level_right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    level_up = np.cross(level_right, forward)
    right = level_right * np.cos(roll) + level_up * np.sin(roll)
    up = np.cross(right, forward)
    focal = wh[0] / 2 / np.tan(np.radians(pose.hfov) / 2)
    axes = np.stack((right, up, -forward)).astype(np.float32)
    return View(pose, wh, float(focal), np.array([pose.x, pose.y, pose.z], np.float32), axes)
