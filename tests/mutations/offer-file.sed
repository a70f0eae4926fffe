# Breaks: an offered file has the signed digest
# File: broker/courier/offer.c
# Test: offer_refused test_files_must_be_those_that_were_signed
s/\|\| strcmp\(found, digest\) != 0/|| false/
