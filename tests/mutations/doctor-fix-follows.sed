# Breaks: doctor --fix follows no symbolic link
# File: cli/doctor/doctor.c
# Test: doctor_fix
s/O_PATH \| O_NOFOLLOW/O_PATH/
