"""Ends every Python that finds this first on its path, before it has read anything else; see library/gluster.sh."""
import posix

posix._exit(1)
