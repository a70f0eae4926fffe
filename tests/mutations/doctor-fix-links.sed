# Breaks: doctor --fix leaves files with a second name alone
# File: cli/doctor/doctor.c
# Test: doctor_fix
s/status.st_nlink != 1 \|\| //
