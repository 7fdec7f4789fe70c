"""The error tree. Every error the agent raises on purpose is an `AgentError`.

    AgentError
    ├── ConfigError        a setting is missing, unknown or out of range (exit status 2)
    ├── ModelError         a model file or its manifest cannot be used (exit status 2)
    │   └── ModelRefused   a file that was offered is no detector, or none that can be run (1)
    ├── StateError         the state folder cannot be used: locked, newer, not writable
    ├── SourceError        a camera cannot be opened or read
    │   ├── SourceRefused  the camera answered and said no (401, 404, bad SDP)
    │   └── SourceStalled  the camera stopped answering within the time-out
    ├── DeliveryError      the broker refused or vanished
    ├── DownloadError      a published file cannot be fetched, or is not what it should be
    └── UsageError         a command line that cannot be carried out (exit status 2)

Messages name the subject, what happened, the value seen and what happens next,
and never a credential.
"""


class AgentError(Exception):
    """Root of all errors raised on purpose; `exit_status` is what a command ends with."""

    exit_status = 1


class ConfigError(AgentError):
    """A setting is missing, unknown or out of range; the text has one line a problem."""

    exit_status = 2


class ModelError(AgentError):
    """A model file or its manifest cannot be used."""

    exit_status = 2


class ModelRefused(ModelError):
    """A model file that a user offered is no detector, or none that can be run."""

    exit_status = 1


class StateError(AgentError):
    """The state folder is locked by another agent, newer than this program, or unusable."""


class SourceError(AgentError):
    """A camera cannot be opened or read."""


class SourceRefused(SourceError):
    """The camera answered and said no: credentials, path or stream description."""


class SourceStalled(SourceError):
    """The camera did not answer within the time-out."""


class DeliveryError(AgentError):
    """The broker refused the connection or a message, or vanished."""


class DownloadError(AgentError):
    """A published file cannot be fetched, or what came is not what was published."""


class UsageError(AgentError):
    """A command line that cannot be carried out."""

    exit_status = 2
