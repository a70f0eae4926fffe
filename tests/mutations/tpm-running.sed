# Breaks: that an unsealing that runs is finished when nobody waits for it any more
# File: broker/process/children.c
# Test: tpm_job test_all_vanish
s/\(!child->begun \|\|/(true || !child->begun ||/
