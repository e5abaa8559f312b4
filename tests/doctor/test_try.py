from tests.doctor.conftest import *
import time
def test_x(clinic):
    launch = clinic.launch(auto_monitor=True)
    clinic.of_file(launch)
    for _ in range(3):
        t=time.process_time(); n=len(clinic.aws.requests); clinic.of_file(launch); print(time.process_time()-t, len(clinic.aws.requests)-n)
    import cProfile,pstats
    p=cProfile.Profile(); p.enable(); clinic.of_file(launch); p.disable()
    pstats.Stats(p).sort_stats("cumtime").print_stats(45)
