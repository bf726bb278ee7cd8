"""Ends every Python that finds this first on its path; see gluster_command in library/gluster.sh."""
import os

os._exit(1)
